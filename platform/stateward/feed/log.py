"""Reading a tenant's changes in their order. What may be shown of them is decided above."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from stateward.feed.exceptions import CursorExpired
from stateward.feed.places import Place
from stateward.kernel.flow import Flow, Statement

READ = "SELECT * FROM stateward_feed_read(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
VALUES = "SELECT * FROM stateward_feed_values(%s, %s::json)"
NEWEST = "SELECT number, salt FROM stateward_feed_pass ORDER BY number DESC LIMIT 1"
STANDING = """
WITH newest AS MATERIALIZED (
    SELECT number, salt, snapshot FROM stateward_feed_pass ORDER BY number DESC LIMIT 1
)
SELECT number, salt, EXISTS (
    SELECT FROM stateward_change c WHERE c.tenant_id = %s
        AND c.xid >= (SELECT pg_snapshot_xmax(snapshot) FROM newest)
    UNION ALL
    SELECT FROM stateward_change c WHERE c.tenant_id = %s
        AND c.xid = ANY (ARRAY(SELECT pg_snapshot_xip(snapshot) FROM newest)))
FROM newest
"""
# The pass before the one that saw the oldest of the newest transactions of a tenant.
RECENT = """
WITH newest AS MATERIALIZED (
    SELECT number, snapshot FROM stateward_feed_pass ORDER BY number DESC LIMIT 1
), oldest AS MATERIALIZED (
    SELECT number FROM stateward_feed_pass ORDER BY number LIMIT 1
), found AS MATERIALIZED (
    SELECT c.xid FROM stateward_change c
    WHERE c.tenant_id = %s AND c.xid < (SELECT pg_snapshot_xmax(snapshot) FROM newest)
    ORDER BY c.xid DESC LIMIT %s
)
SELECT p.number, p.salt FROM stateward_feed_pass p, newest, oldest
WHERE p.number = (
    SELECT stateward_feed_pass_of(min(found.xid), oldest.number, newest.number) - 1 FROM found)
"""
SPARE = 200  # rows looked at beyond those asked for, where all are wanted
SPARSE = 5000  # rows looked at in one go, where few may be wanted


class Announced(NamedTuple):
    """One committed change, its value left aside."""

    place: Place
    id: UUID
    at: datetime
    namespace_id: UUID
    namespace: str | None  # None once it is deleted
    key: str
    version: int
    operation: str
    labels: str | None  # JSON; of the revision
    size_bytes: int
    has_value: bool
    is_kept: bool  # whether its revision is
    actor_type: str | None
    actor_id: UUID | None
    actor_name: str | None
    run: str | None
    labels_now: str | None
    labels_before: str | None


class Look(NamedTuple):
    """What one look found, in order; ``end`` is where the next one begins."""

    rows: Sequence[Announced]
    end: Place
    is_newest: bool  # there was nothing after ``end`` as it was looked


class SealedValue(NamedTuple):
    """A change's value as it is stored, and that of the version before where it was asked for."""

    id: UUID
    value: bytes | None
    before_id: UUID | None
    before_value: bytes | None
    before_operation: str | None


def read_log(
    tenant_id: UUID,
    after: Place | None,
    *,
    limit: int,
    namespace_id: UUID | None = None,
    prefix: str = "",
    until: str | None = None,
) -> Flow[Look]:
    """The changes after a place, or from the oldest kept one on: ``limit``, and what completes the
    last one's transaction. Keys from ``prefix`` on, before ``until``.

    CursorExpired (410) where the place is not kept. There may be more though nothing was found:
    where few are wanted, one look ends after so many others.
    """
    is_sparse = namespace_id is not None or prefix or until is not None
    place = after or Place(0, 0)
    rows = yield Statement(
        READ,
        (
            tenant_id,
            place.number if after else None,
            place.salt,
            place.last,
            place.seq,
            limit,
            SPARSE if is_sparse else limit + SPARE,
            namespace_id,
            prefix,
            until,
        ),
    )
    head, found = rows[0], [_announced(row) for row in rows[1:]]
    end = Place(head[0], head[1])
    if head[10] == "gone":
        raise CursorExpired(oldest_cursor=end.cursor)
    if len(found) >= limit:
        return Look(found, found[-1].place, False)
    return Look(found, end, head[10] == "end")


def read_values(
    tenant_id: UUID, changes: Sequence[Announced], *, with_before: bool
) -> Flow[dict[int, SealedValue]]:
    """The sealed values of changes, by position; those whose revision is gone are left out."""
    items: list[dict[str, Any]] = []
    for position, change in enumerate(changes):
        item = {"i": position, "at": change.at.isoformat(), "id": str(change.id)}
        if with_before and change.version > 1:
            item |= {"ns": str(change.namespace_id), "k": change.key, "v": change.version - 1}
        items.append(item)
    rows = yield Statement(VALUES, (tenant_id, json.dumps(items)))
    return {row[0]: SealedValue(*row[1:]) for row in rows}


def newest_place() -> Flow[Place]:
    """The end of what is numbered."""
    rows = yield Statement(NEWEST)
    return Place(*rows[0])


def recent_place(tenant_id: UUID, count: int) -> Flow[Place | None]:
    """A place that about ``count`` changes of the tenant come after; None where fewer are kept."""
    rows = yield Statement(RECENT, (tenant_id, count))
    return Place(*rows[0]) if rows else None


def standing(tenant_id: UUID) -> Flow[tuple[Place, bool]]:
    """The end of what is numbered, and whether something is committed that is not."""
    rows = yield Statement(STANDING, (tenant_id, tenant_id))
    number, salt, is_behind = rows[0]
    return Place(number, salt), bool(is_behind)


def _announced(row: Sequence[Any]) -> Announced:
    return Announced(Place(*row[:4]), *row[4:])
