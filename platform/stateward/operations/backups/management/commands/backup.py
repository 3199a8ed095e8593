"""``manage.py backup``: create, restore, drill. For whoever holds the machine and the root key."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from stateward.kernel.errors import NotFound
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.planning import plan_restore
from stateward.operations.backups.reading import open_archive
from stateward.operations.backups.services import CREATE, DRILL, RESTORE
from stateward.operations.backups.signing import key_id, public_key
from stateward.operations.backups.stores import locate
from stateward.operations.commands import JsonCommand
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant


class Command(JsonCommand):
    help = "Back a tenant up, restore an archive, or try the newest backup."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="write a tenant's archive")
        create.add_argument("--tenant", required=True, metavar="SLUG")
        create.add_argument("--to", metavar="DIR", help="a folder, or s3://bucket/prefix")
        restore = acts.add_parser("restore", help="restore an archive into a tenant")
        restore.add_argument("archive", metavar="ARCHIVE")
        restore.add_argument("--into", required=True, metavar="SLUG")
        restore.add_argument("--plan", action="store_true", help="say what would be done")
        drill = acts.add_parser("drill", help="restore the newest backup to prove it")
        drill.add_argument("--tenant", required=True, metavar="SLUG")
        acts.add_parser("key", help="the public key that archives are signed with")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        act: str = options["act"]
        if act == "create":
            return self._create(options["tenant"], options["to"])
        if act == "restore":
            return self._restore(options["archive"], options["into"], only_plan=options["plan"])
        if act == "drill":
            outcome = run_here(DRILL, tenant_id=_tenant(options["tenant"]).id)
            return outcome.result, outcome.has_findings
        return {"key_id": key_id(public_key()), "ed25519": public_key().hex()}, False

    @staticmethod
    def _create(slug: str, to: str | None) -> tuple[Mapping[str, Any], bool]:
        params = {"to": to if to.startswith("s3://") else str(Path(to).absolute())} if to else {}
        return run_here(CREATE, tenant_id=_tenant(slug).id, params=params).result, False

    @staticmethod
    def _restore(archive: str, into: str, *, only_plan: bool) -> tuple[Mapping[str, Any], bool]:
        store, name = locate(archive)
        # Planned before there is a run: what is refused leaves no trace of an attempt.
        with connected(address_of("default")) as ours:
            plan = plan_restore(ours, open_archive(store, name), into, is_thorough=only_plan)
        if only_plan:
            return plan.as_json(), False
        params = {"archive": store.where(name), "into": into}
        return run_here(RESTORE, tenant_id=None, params=params).result, False


def _tenant(slug: str) -> Tenant:
    with transaction.atomic():
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise NotFound(f"There is no tenant {slug}.")
    return tenant
