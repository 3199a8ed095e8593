"""The proofs that purges left, newest first."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

LAST = UUID(int=2**128 - 1)
PAGE = """
SELECT id, at, run_id, rule_id, rule_version, rule_name, listed, held, left_out, entries, bytes,
    revisions, audit_payloads, holds_in_force, holds_checked_at, ids_sha256, record_id
FROM stateward_purge_batch
WHERE tenant_id = %s AND id < %s AND (%s::uuid IS NULL OR rule_id = %s) ORDER BY id DESC LIMIT %s
"""


class Batch(NamedTuple):
    """One proof."""

    id: UUID
    at: datetime
    run_id: UUID | None
    rule_id: UUID
    rule_version: int
    rule_name: str
    listed: int
    held: int
    left_out: int
    entries: int
    bytes: int
    revisions: int
    audit_payloads: int
    holds_in_force: int
    holds_checked_at: datetime
    ids_sha256: builtins.bytes
    record_id: UUID


def purge_batches(
    tenant_id: UUID, *, before: UUID = LAST, limit: int = 100, rule_id: UUID | None = None
) -> Flow[list[Batch]]:
    """In the tenant's scope; whoever calls has decided."""
    rows = yield Statement(PAGE, (tenant_id, before, rule_id, rule_id, limit))
    return [Batch._make(row) for row in rows]
