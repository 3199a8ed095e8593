"""The copy outside the database of what was erased: a file for each tenant, a signed line for each
request, beside the shred ledger. So an old backup does not bring a person back even where nothing
of the installation is left but its root key, its archives and that folder.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from stateward.gate.keys.ledger import Signed, is_ours, parse_line, signed
from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Statement
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.tenancy.scope import execute, tenant_scope

MOST_BYTES = 256 << 20
ERASED = """
SELECT r.id, r.answered_at, t.id_hash, t.version FROM stateward_subject_request r
JOIN stateward_purge_batch b ON b.tenant_id = r.tenant_id AND b.rule_id = r.id
JOIN stateward_tombstone t ON t.tenant_id = b.tenant_id AND t.batch_id = b.id
WHERE r.tenant_id = %s ORDER BY r.id, t.id_hash, t.version
"""


def path_of(tenant_id: UUID) -> Path:
    return Path(settings.SHRED_LEDGER) / f"{tenant_id}.erased.ndjson"


def write_outside(tenant_id: UUID) -> int:
    """Bring the file up to what the database holds; how many requests it names. What stood in it
    stays, for the database may be an older one that was restored.
    """
    path = path_of(tenant_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One writer at a time: whoever read before another wrote would take back what that one wrote.
    with open(path.with_suffix(".lock"), "a", encoding="utf-8") as lock:
        flock(lock, LOCK_EX)
        return _write(tenant_id, path)


def _write(tenant_id: UUID, path: Path) -> int:
    lines = {one.body["request"]: one for one in _read(tenant_id)}
    for request, body in _inside(tenant_id).items():
        known = lines.get(request)
        if known is None or len(known.body["entries"]) < len(body["entries"]):
            lines[request] = signed(body)
    if not lines:
        return 0
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.writelines(one.line() + b"\n" for one in lines.values())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return len(lines)


def erased_outside(tenant_id: UUID) -> dict[bytes, int]:
    """By keyed identity, up to which version nothing may come back. ArchiveRefused where the file
    is not what was written: nothing is restored by a ledger that somebody changed.
    """
    found: dict[bytes, int] = {}
    for one in _read(tenant_id):
        for identity, version in one.body["entries"]:
            name = bytes.fromhex(identity)
            found[name] = max(version, found.get(name, 0))
    return found


def _inside(tenant_id: UUID) -> dict[str, dict[str, Any]]:
    with tenant_scope(tenant_id):
        rows = execute(Statement(ERASED, (tenant_id,)))
    bodies: dict[str, dict[str, Any]] = {}
    entries: dict[str, list[list[Any]]] = {}
    for request, at, identity, version in rows:
        name = str(request)
        entries.setdefault(name, []).append([bytes(identity).hex(), version])
        bodies[name] = {
            "what": "erased entries",
            "tenant": str(tenant_id),
            "request": name,
            "at": rfc3339(at) if at else None,
            "entries": entries[name],
        }
    return bodies


def _read(tenant_id: UUID) -> list[Signed]:
    path = path_of(tenant_id)
    if not path.exists():
        return []
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("it is longer than any that is written here")
        found = [parse_line(line) for line in path.read_bytes().splitlines()]
    except ValueError as error:
        raise ArchiveRefused("the list of what was erased", str(error)) from None
    if not all(is_ours(one) and one.body["tenant"] == str(tenant_id) for one in found):
        raise ArchiveRefused("the list of what was erased", "a line is not signed by us")
    return found
