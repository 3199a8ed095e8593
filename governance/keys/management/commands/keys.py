"""Keys of a tenant, as one JSON object."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from governance.keys.services import REENCRYPT
from governance.keys.stores import count_all
from stateward.gate.keys.outside import apply_ledger, ledger_path, trusted
from stateward.kernel.errors import NotFound
from stateward.operations.commands import JsonCommand
from stateward.operations.jobs.services import run_here
from stateward.state.models import Namespace
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope


class Command(JsonCommand):
    help = (
        "`keys count --tenant SLUG` says what is under each key version and changes nothing; "
        "`keys reencrypt --tenant SLUG` seals old values anew; `keys apply-ledger --tenant SLUG` "
        "destroys in this database what the shred ledger outside names, as after a restore."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["count", "reencrypt", "apply-ledger"])
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--ledger", metavar="FILE", help="another copy of the shred ledger")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise NotFound(f"There is no tenant {options['tenant']}.")
        if options["act"] == "reencrypt":
            outcome = run_here(REENCRYPT, tenant_id=tenant.id)
            return {"tenant": tenant.slug, **outcome.result}, outcome.has_findings
        if options["act"] == "apply-ledger":
            return {"tenant": tenant.slug, **_apply(tenant, options["ledger"])}, False
        return {"tenant": tenant.slug, "under": _counts(tenant)}, False


def _counts(tenant: Tenant) -> list[dict[str, Any]]:
    found = []
    with tenant_scope(tenant.id):
        for namespace in Namespace.objects.filter(tenant_id=tenant.id).order_by("name"):
            for one in count_all(tenant.id, namespace.id):
                place = {"namespace": namespace.name, **one._asdict(), "key_id": str(one.key_id)}
                found.append(place)
    return found


def _apply(tenant: Tenant, named: str | None) -> dict[str, int]:
    path = Path(named) if named else ledger_path(tenant.id)
    try:
        entries = trusted(path.read_bytes().splitlines(), tenant.id)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{path}: {error}.") from None
    return {"entries": len(entries), "destroyed": apply_ledger(tenant.id, entries)}
