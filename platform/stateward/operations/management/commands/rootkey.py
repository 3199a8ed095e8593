"""``manage.py rootkey``: make one, show it, confirm a copy of it, put another in its place."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.gate.keys.root_rotation import rotate_root_key
from stateward.kernel.naming import fingerprint
from stateward.operations.stack.home import Home, write_json
from stateward.operations.stack.secrets import KEY_BYTES
from stateward.settings.root_key import AwsKms
from stateward.tenancy.accounts.mfa import rewrap_second_factors
from stateward.tenancy.models import Tenant


class Command(BaseCommand):
    help = (
        "Make a root key, show which one is used, or confirm that a copy of it is kept elsewhere."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("generate", help="print a new key for a secret manager")
        actions.add_parser("show", help="print where the key lies and its fingerprint")
        actions.add_parser(
            "rotate", help="wrap everything under the key in use that is under a former one"
        )
        seal = actions.add_parser("seal", help="print the key in use, sealed by AWS KMS")
        seal.add_argument("--new", action="store_true", help="a new key instead")
        confirm = actions.add_parser("confirm-copy", help="say that a copy is kept elsewhere")
        confirm.add_argument("copy", nargs="?", help="the copy, to be compared with the key")

    def handle(self, *args: Any, action: str, copy: str | None = None, **options: Any) -> None:
        if action == "generate":
            self.stdout.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        elif action == "show":
            place = settings.ROOT_KEY_FILE or settings.ROOT_KEY_PLACE
            self.stdout.write(f"{fingerprint(settings.ROOT_KEY)}  {place}")
        elif action == "rotate":
            self._rotate()
        elif action == "seal":
            key = secrets.token_bytes(KEY_BYTES) if options["new"] else settings.ROOT_KEY
            self.stdout.write(AwsKms().seal(key))
        else:
            self._confirm(copy)

    def _rotate(self) -> None:
        """Every process must have been started with both keys."""
        try:
            turned = rotate_root_key(Tenant.objects.order_by("id").values_list("id", flat=True))
        except KeysUnavailable as error:
            raise CommandError(f"{error.reason.capitalize()}.") from None
        factors = rewrap_second_factors()
        self.stdout.write(
            f"{turned.tenant_keys} tenant keys, {turned.sealing_keys} sealing keys and {factors}"
            f" second factors are under {turned.present} now."
        )
        if turned.is_retired:
            self.stdout.write(
                f"{turned.former} is retired: keep it as long as a backup of its time is kept."
            )

    def _confirm(self, copy: str | None) -> None:
        if copy is not None:
            self._compare(Path(copy))
        home = Home(settings.HOME)
        write_json(
            home.copy_confirmed,
            {
                "fingerprint": fingerprint(settings.ROOT_KEY),
                "at": datetime.now(UTC).isoformat(),
                "compared": copy is not None,
            },
        )
        how = "and is the same key" if copy else "(not compared: name the copy to have it compared)"
        self.stdout.write(f"Noted: a copy of the root key is kept elsewhere {how}.")

    def _compare(self, copy: Path) -> None:
        """Raises ``CommandError`` when it is the key's own file, unreadable, or another key."""
        if settings.ROOT_KEY_FILE and copy.resolve() == Path(settings.ROOT_KEY_FILE).resolve():
            raise CommandError("That is the key itself, not a copy of it.")
        try:
            held = base64.b64decode(copy.read_bytes().strip(), validate=True)
        except (OSError, ValueError) as error:
            raise CommandError(f"{copy} cannot be read as a root key: {error}") from None
        if held != settings.ROOT_KEY:
            raise CommandError(f"{copy} holds another key than the one in use.")
