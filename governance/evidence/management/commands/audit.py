"""``manage.py audit export``: a tenant's records with all that proves them, as one file.
``manage.py audit guard``: triggers that refuse changes of records, as a second lock.

The file is what the REST export answers, and ``verify.py`` passes on it. The export is on record.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
from django.conf import settings
from psycopg.conninfo import make_conninfo

from governance.evidence import guard
from stateward.gate.audit.bundle import write_bundle
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.record import append, compose
from stateward.kernel.errors import NotFound
from stateward.kernel.ids import uuid7
from stateward.operations.commands import JsonCommand
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


class Command(JsonCommand):
    help = "Take a tenant's audit out, with all that proves it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        export = acts.add_parser("export", help="write the bundle that verify.py takes")
        export.add_argument("--tenant", required=True, metavar="SLUG")
        export.add_argument("--to", required=True, metavar="FILE", type=Path)
        lock = acts.add_parser("guard", help="refuse changes of records even to the owner")
        lock.add_argument("--remove", action="store_true", help="take the triggers away again")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        if options["act"] == "guard":
            return {"guard": _guard(remove=options["remove"])}, False
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise NotFound(f"There is no tenant {options['tenant']}.")
        target: Path = options["to"].absolute()
        with tempfile.TemporaryFile(dir=target.parent) as body:
            with tenant_scope(tenant.id):
                wanted = RecordFilter(tenant.id)
                manifest = run_flow(write_bundle(wanted, cast(BinaryIO, body)))
                size = len(manifest.encode()) + body.tell()
                _record(tenant, size)
            body.seek(0)
            _put(target, manifest.encode(), cast(BinaryIO, body))
        said = orjson.loads(manifest)
        return {
            "tenant": tenant.slug,
            "file": str(target),
            "records": said["count"],
            "tree_size": said["tree_size"],
            "root": said["root"],
            "bytes": size,
        }, False


def _guard(*, remove: bool) -> str:
    owner = settings.DATABASES["owner"]
    url = make_conninfo(
        host=owner["HOST"],
        port=owner["PORT"],
        dbname=owner["NAME"],
        user=owner["USER"],
        password=owner["PASSWORD"],
    )
    return guard.remove(url) if remove else guard.install(url)


def _record(tenant: Tenant, size: int) -> None:
    """Who took evidence out, and how much, before the file is there."""
    actor = Actor(
        "system", PLATFORM, "audit export", tenant.id, tenant.slug, (), auth_method="system"
    )
    draft = compose(
        actor=actor,
        call=Call(request_id=str(uuid7())),
        action="audit.export",
        resource_type="audit_log",
        resource_id=tenant.slug,
        extra={"filter": RecordFilter(tenant.id).as_json(), "bytes": size},
    )
    run_flow(append(draft))


def _put(target: Path, manifest: bytes, body: BinaryIO) -> None:
    """Replace the file as a whole, readable by its owner alone."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(unfinished, flags, 0o600), "wb") as file:
        file.write(manifest)
        shutil.copyfileobj(body, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)
