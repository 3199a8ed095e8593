"""Pending writes as they are stored: rows, and the statements that read and end them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from stateward.state.entries import Principal

FIELD = "pending"  # the part that is sealed; bound into the seal

# Past its time an open one is read as expired at once; a sweep writes it down. ``voided`` and
# ``refused`` follow the request that asks for agreement.
_STATE = """CASE WHEN p.state <> 'pending' THEN p.state
    WHEN a.status IN ('refused', 'withdrawn') THEN a.status
    WHEN p.expires_at <= clock_timestamp() THEN 'expired' ELSE 'pending' END"""
COLUMNS = f"""p.id, {_STATE}, p.approval_id, p.actor_type, p.actor_id, p.actor_name,
    p.on_behalf_of, p.run, p.created_at, p.expires_at, p.ended_at, p.is_transaction"""
FROM = """FROM stateward_pending p
LEFT JOIN stateward_approval_request a ON a.tenant_id = p.tenant_id AND a.id = p.approval_id"""
FIND = f"SELECT {COLUMNS} {FROM} WHERE p.tenant_id = %s AND p.id = %s"
LIST = f"""
SELECT {COLUMNS} {FROM} WHERE p.tenant_id = %s AND p.id < %s
  AND (%s::text IS NULL OR {_STATE} = %s) ORDER BY p.id DESC LIMIT %s
"""
OPERATIONS = """
SELECT o.pending_id, o.place, o.namespace_id, n.name, o.key, o.operation, o.write_id, o.sealed,
    o.base_version, o.size_bytes, o.version,
    e.version, e.is_alive AND (e.expires_at IS NULL OR e.expires_at > clock_timestamp()),
    e.labels::text
FROM stateward_pending_operation o
LEFT JOIN stateward_namespace n ON n.tenant_id = o.tenant_id AND n.id = o.namespace_id
    AND n.deleted_at IS NULL
LEFT JOIN LATERAL (SELECT * FROM stateward_entry e WHERE e.tenant_id = o.tenant_id
    AND e.namespace_id = o.namespace_id AND e.key = o.key OFFSET 0) e ON true
WHERE o.tenant_id = %s AND o.pending_id = ANY (%s) ORDER BY o.pending_id, o.place
"""
LOCK = "SELECT state FROM stateward_pending WHERE tenant_id = %s AND id = %s FOR UPDATE"
END = """
WITH ended AS (
    UPDATE stateward_pending SET state = %(state)s, ended_at = clock_timestamp()
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND state = 'pending' RETURNING id
)
UPDATE stateward_pending_operation o
SET sealed = NULL, version = (%(versions)s::bigint[])[o.place + 1]
FROM ended WHERE o.tenant_id = %(tenant)s AND o.pending_id = ended.id
"""


class Waiting(NamedTuple):
    """One operation of a pending write. ``version``: what it wrote, once it was released."""

    place: int
    namespace_id: UUID
    namespace: str | None
    key: str
    operation: str
    write_id: UUID
    sealed: bytes | None
    base_version: int | None  # of the entry when it was asked for; None: there was none
    size_bytes: int
    version: int | None
    now: int | None
    is_alive: bool
    labels: str | None

    @property
    def has_moved(self) -> bool:
        """Whether the entry is no longer what it was when this was asked for."""
        return (self.now if self.is_alive else None) != self.base_version


class Pending(NamedTuple):
    """A write that waits, or waited."""

    id: UUID
    state: str
    approval: UUID
    asked_by: Principal
    on_behalf_of: str | None
    run: str | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    is_transaction: bool
    operations: tuple[Waiting, ...]

    @property
    def has_moved(self) -> bool:
        return any(one.has_moved for one in self.operations)


def pending_of(row: Sequence[Any], operations: Sequence[Waiting]) -> Pending:
    """One row of ``FIND`` or ``LIST``, with its operations."""
    return Pending(
        row[0], row[1], row[2], Principal(*row[3:6]), row[6], row[7], row[8], row[9], row[10],
        row[11], tuple(operations),
    )  # fmt: skip


def waiting_of(row: Sequence[Any]) -> Waiting:
    """One row of ``OPERATIONS``."""
    values = list(row[1:])
    values[6] = None if row[7] is None else bytes(row[7])
    values[11] = bool(row[12])
    return Waiting(*values)
