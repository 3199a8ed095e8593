"""What is kept of each key, without its value: what retention looks at.

One page is one statement along the primary key. A deleted key's own row says when it ended; when
that life began and under which labels it was, the revision before it says. It is asked only for the
namespaces where a rule wants to know.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Row, Statement

START = UUID(int=0)

COLUMNS = """
    e.namespace_id, e.key, e.version, e.is_alive, e.size_bytes, nullif(e.labels::text, '{}'),
    e.created_at, e.updated_at, e.expires_at, e.actor_id
"""
# A key whose row is as the purge left it has nothing more to lose, nor has one that was leased and
# never written (version 0).
SCAN = f"""
SELECT {COLUMNS} FROM stateward_entry e
WHERE e.tenant_id = %s AND (e.namespace_id, e.key) > (%s, %s COLLATE "C")
  AND e.purged_at IS DISTINCT FROM e.updated_at AND e.version > 0
ORDER BY e.namespace_id, e.key LIMIT %s
"""
LOCK = f"""
SELECT {COLUMNS} FROM json_to_recordset(%s::json) AS x (ns uuid, k text, v bigint)
JOIN stateward_entry e ON e.tenant_id = %s AND e.namespace_id = x.ns
  AND e.key = x.k COLLATE "C" AND e.version = x.v
WHERE e.purged_at IS DISTINCT FROM e.updated_at
  AND (e.lease_until IS NULL OR e.lease_until <= clock_timestamp())
ORDER BY e.namespace_id, e.key FOR UPDATE OF e SKIP LOCKED
"""
ONE = f"""
SELECT clock_timestamp(), {COLUMNS} FROM stateward_entry e
WHERE e.tenant_id = %s AND e.namespace_id = %s AND e.key = %s COLLATE "C" AND e.version > 0
"""
SEVERAL = f"""
SELECT {COLUMNS} FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN stateward_entry e ON e.tenant_id = %s AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
WHERE e.purged_at IS DISTINCT FROM e.updated_at AND e.version > 0
ORDER BY e.namespace_id, e.key
"""
PAST = """
SELECT r.namespace_id, r.key, r.created_at, nullif(r.labels::text, '{}')
FROM json_to_recordset(%s::json) AS x (ns uuid, k text, v bigint)
JOIN stateward_revision r ON r.tenant_id = %s AND r.namespace_id = x.ns
  AND r.key = x.k COLLATE "C" AND r.version = x.v
"""
WRITERS = """
SELECT DISTINCT r.namespace_id, r.key, r.actor_id
FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN stateward_revision r ON r.tenant_id = %s AND r.namespace_id = x.ns
  AND r.key = x.k COLLATE "C" AND r.actor_id = ANY (%s)
"""
NAMESPACES = """
SELECT id, name, classification, deleted_at FROM stateward_namespace WHERE tenant_id = %s
"""


class KeptNamespace(NamedTuple):
    """A namespace that entries may lie in; a deleted one still holds what it held."""

    id: UUID
    name: str
    classification: str
    deleted_at: datetime | None


class Kept(NamedTuple):
    """One key and what is known of it without opening anything."""

    namespace_id: UUID
    key: str
    version: int
    is_alive: bool
    size_bytes: int
    labels: str | None  # JSON; None: none
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    writer: UUID
    past_created_at: datetime | None = None  # of a deleted key's last life, where it was asked for
    past_labels: str | None = None

    @property
    def place(self) -> tuple[UUID, str]:
        return self.namespace_id, self.key

    def began(self) -> datetime:
        """When its present life began, or its last."""
        return self.past_created_at or self.created_at

    def ended(self, now: datetime, namespace: KeptNamespace) -> datetime | None:
        """When it was deleted, expired or hidden with its namespace; None while it lives."""
        ends = [] if self.is_alive else [self.updated_at]
        if self.is_alive and self.expires_at is not None and self.expires_at <= now:
            ends.append(self.expires_at)
        if namespace.deleted_at is not None:
            ends.append(namespace.deleted_at)
        return min(ends, default=None)

    def label_map(self) -> dict[str, Any]:
        text = self.labels or self.past_labels
        return json.loads(text) if text else {}


def kept_namespaces(tenant_id: UUID) -> Flow[dict[UUID, KeptNamespace]]:
    rows = yield Statement(NAMESPACES, (tenant_id,))
    return {row[0]: KeptNamespace(*row) for row in rows}


def scan_kept(
    tenant_id: UUID, *, after: tuple[UUID, str], limit: int, past: Collection[UUID] = ()
) -> Flow[list[Kept]]:
    """The page of keys that follows ``after``; ``past``: of which namespaces a deleted key's last
    life is asked for.
    """
    rows = yield Statement(SCAN, (tenant_id, *after, limit))
    return (yield from _with_past(tenant_id, rows, past))


def lock_kept(
    tenant_id: UUID, wanted: Iterable[tuple[UUID, str, int]], *, past: Collection[UUID] = ()
) -> Flow[list[Kept]]:
    """Of the wanted (namespace, key, version) those that are still so, their rows locked. One that
    somebody else is writing, or has leased, is left out, and waited for never.
    """
    items = [{"ns": namespace, "k": key, "v": version} for namespace, key, version in wanted]
    rows = yield Statement(LOCK, (orjson.dumps(items).decode(), tenant_id))
    return (yield from _with_past(tenant_id, rows, past))


def find_kept(tenant_id: UUID, namespace_id: UUID, key: str) -> Flow[tuple[Kept, datetime] | None]:
    """The key, and when the database read it; None where there is none and never was."""
    rows = yield Statement(ONE, (tenant_id, namespace_id, key))
    if not rows:
        return None
    found = yield from _with_past(tenant_id, [row[1:] for row in rows], (namespace_id,))
    return found[0], rows[0][0]


def kept_at(
    tenant_id: UUID, places: Iterable[tuple[UUID, str]], *, past: Collection[UUID] = ()
) -> Flow[list[Kept]]:
    """Of these places those that still have something to lose."""
    items = [{"ns": namespace, "k": key} for namespace, key in places]
    rows = yield Statement(SEVERAL, (orjson.dumps(items).decode(), tenant_id))
    return (yield from _with_past(tenant_id, rows, past))


def writers_of(
    tenant_id: UUID, places: Sequence[tuple[UUID, str]], among: Collection[UUID]
) -> Flow[dict[tuple[UUID, str], set[UUID]]]:
    """Which of ``among`` wrote any kept revision of each of these keys."""
    found: dict[tuple[UUID, str], set[UUID]] = {}
    if not among or not places:
        return found
    items = [{"ns": namespace, "k": key} for namespace, key in places]
    rows = yield Statement(WRITERS, (orjson.dumps(items).decode(), tenant_id, list(among)))
    for namespace_id, key, writer in rows:
        found.setdefault((namespace_id, key), set()).add(writer)
    return found


def _with_past(tenant_id: UUID, rows: list[Row], past: Collection[UUID]) -> Flow[list[Kept]]:
    """The rows, deleted ones of the namespaces ``past`` with what their last life was like."""
    kept = [Kept(*row) for row in rows]
    items = [
        {"ns": one.namespace_id, "k": one.key, "v": one.version - 1}
        for one in kept
        if not one.is_alive and one.namespace_id in past
    ]
    if not items:
        return kept
    found = yield Statement(PAST, (orjson.dumps(items).decode(), tenant_id))
    lives = {(row[0], row[1]): (row[2], row[3]) for row in found}
    return [
        one._replace(past_created_at=lives[one.place][0], past_labels=lives[one.place][1])
        if one.place in lives
        else one
        for one in kept
    ]
