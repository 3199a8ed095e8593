"""``manage.py rootkey``: make one for production, show the one in use, confirm a copy of it."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from stateward.kernel.naming import fingerprint
from stateward.operations.stack.home import Home, write_json
from stateward.operations.stack.secrets import KEY_BYTES


class Command(BaseCommand):
    help = (
        "Make a root key, show which one is used, or confirm that a copy of it is kept elsewhere."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("generate", help="print a new key for a secret manager")
        actions.add_parser("show", help="print where the key lies and its fingerprint")
        confirm = actions.add_parser("confirm-copy", help="say that a copy is kept elsewhere")
        confirm.add_argument("copy", nargs="?", help="the copy, to be compared with the key")

    def handle(self, *args: Any, action: str, copy: str | None = None, **options: Any) -> None:
        if action == "generate":
            self.stdout.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        elif action == "show":
            place = settings.ROOT_KEY_FILE or "the environment"
            self.stdout.write(f"{fingerprint(settings.ROOT_KEY)}  {place}")
        else:
            self._confirm(copy)

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
