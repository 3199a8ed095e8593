"""What is under each key version, as it was last counted. Counting reads every header, so pages
show what a job noted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from governance.keys.stores import Under
from stateward.kernel.flow import Statement
from stateward.tenancy.scope import execute

CLEAR = "DELETE FROM stateward_key_usage WHERE tenant_id = %s AND namespace_id = %s"
NOTE = """
INSERT INTO stateward_key_usage (tenant_id, namespace_id, key_id, version, store, rows, bytes)
SELECT %s, %s, * FROM unnest(%s::uuid[], %s::integer[], %s::text[], %s::bigint[], %s::bigint[])
"""
NOTED = """
SELECT namespace_id, key_id, version, store, rows, bytes, counted_at FROM stateward_key_usage
WHERE tenant_id = %s AND (%s::uuid IS NULL OR namespace_id = %s)
"""


class Noted(NamedTuple):
    """Values of one store under one key version, and when they were counted."""

    namespace_id: UUID
    key_id: UUID
    version: int
    store: str
    rows: int
    bytes: int
    counted_at: datetime


def note_counts(tenant_id: UUID, namespace_id: UUID, counts: Iterable[Under]) -> None:
    """Replace what was known of a namespace. In the tenant's scope."""
    found = list(counts)
    execute(Statement(CLEAR, (tenant_id, namespace_id)))
    columns = (
        [one.key_id for one in found],
        [one.version for one in found],
        [one.store for one in found],
        [one.rows for one in found],
        [one.bytes for one in found],
    )
    execute(Statement(NOTE, (tenant_id, namespace_id, *columns)))


def noted_counts(tenant_id: UUID, namespace_id: UUID | None = None) -> list[Noted]:
    rows = execute(Statement(NOTED, (tenant_id, namespace_id, namespace_id)))
    return [Noted(*row) for row in rows]
