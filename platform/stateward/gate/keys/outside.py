"""The copy of the shred ledger outside the database: a file for each tenant, one entry a line.

It is written whole and put in the place of the former one; what stood in it stays, though the
database may be an older one that was restored. Bringing it back destroys in this database what the
ledger names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from django.conf import settings

from stateward.gate.keys.ledger import Signed, add_to_ledger, is_ours, parse_line, read_ledger
from stateward.gate.keys.versions import destroy_key
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow, tenant_scope

MOST_BYTES = 256 << 20


def ledger_path(tenant_id: UUID) -> Path:
    return Path(settings.SHRED_LEDGER) / f"{tenant_id}.ndjson"


def outside_entries(tenant_id: UUID) -> list[Signed]:
    """What the file holds that this installation signed for this tenant."""
    path = ledger_path(tenant_id)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path.name} is longer than any ledger that is written here")
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return trusted(lines, tenant_id)


def trusted(lines: Iterable[bytes], tenant_id: UUID) -> list[Signed]:
    """Entries of a tenant that are signed by us; ValueError where one is not."""
    found = [parse_line(line) for line in lines if line.strip()]
    for entry in found:
        if not is_ours(entry) or entry.body["tenant"] != str(tenant_id):
            raise ValueError("an entry of the ledger is not signed by this installation")
    return found


def export_ledger(tenant_id: UUID) -> int:
    """Bring the file up to what the database holds; how many entries it has."""
    with tenant_scope(tenant_id):
        inside = run_flow(read_ledger(tenant_id))
    known = {one.statement: one for one in (*outside_entries(tenant_id), *inside)}
    if not known:
        return 0
    path = ledger_path(tenant_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole = b"".join(one.line() + b"\n" for one in known.values())
    if not path.exists() or path.read_bytes() != whole:
        _put(path, whole)
    return len(known)


def apply_ledger(tenant_id: UUID, entries: Iterable[Signed]) -> int:
    """Destroy here what the entries name, as after restoring an older database; how many keys were
    still there.
    """
    actor = Actor("system", PLATFORM, "shred ledger", tenant_id, "", (), auth_method="system")
    destroyed = 0
    with tenant_scope(tenant_id):
        for entry in entries:
            run_flow(add_to_ledger(entry))
            body = entry.body
            destroyed += bool(run_flow(destroy_key(actor, UUID(body["key"]), body["version"])))
    return destroyed


def _put(path: Path, whole: bytes) -> None:
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(whole)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
