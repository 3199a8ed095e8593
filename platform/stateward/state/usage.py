"""How much namespaces hold, known within two seconds and without a row that writers share.

Each process adds up what it writes and puts the sum down as a row of its own: every two seconds,
and whenever it looks. What a namespace holds is the sum of all rows and of what waits here. Once an
hour a measurement counts what is really there (``operations/metrics/storage.py``) and takes the
place of all rows before it. So between two measurements a number may be off by what was written in
the two seconds around a count, by the writes of a process that was killed before it put them down,
and by what values in place grew or shrank; never for longer than until the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Statement

MAX_AGE_SECONDS = 0.5  # of what a write is compared with
MOST_TENANTS = 10_000  # whose usage is kept
ADD = "SELECT stateward_add_usage(%s, %s::jsonb)"
SUMS = """
SELECT namespace_id, coalesce(sum(entries), 0)::bigint, coalesce(sum(bytes), 0)::bigint,
    coalesce(sum(writes) FILTER (WHERE stateward_usage.day = today.day), 0)::bigint
FROM stateward_usage, (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today
WHERE tenant_id = %s GROUP BY 1
"""
# Rows that another run is at are left to it.
MERGE = """
WITH old AS MATERIALIZED (
    SELECT id FROM stateward_usage WHERE tenant_id = %(tenant)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM stateward_usage u USING old WHERE u.tenant_id = %(tenant)s AND u.id = old.id
    RETURNING u.namespace_id, u.day, u.entries, u.bytes, u.writes, u.conflicts
), merged AS (
    SELECT namespace_id, greatest(day, (clock_timestamp() AT TIME ZONE 'UTC')::date - 2) AS day,
        sum(entries) AS entries, sum(bytes) AS bytes, sum(writes) AS writes,
        sum(conflicts) AS conflicts
    FROM gone GROUP BY 1, 2
)
INSERT INTO stateward_usage (tenant_id, namespace_id, day, entries, bytes, writes, conflicts)
SELECT %(tenant)s, namespace_id, day, entries, bytes, writes, conflicts FROM merged
ORDER BY namespace_id, day
"""
BEGIN = """
WITH gone AS (DELETE FROM stateward_usage WHERE tenant_id = %s RETURNING namespace_id, day, writes,
    conflicts)
SELECT namespace_id, day, sum(writes)::bigint, sum(conflicts)::bigint FROM gone
GROUP BY 1, 2 HAVING sum(writes) > 0 OR sum(conflicts) > 0
"""
SETTLE = """
INSERT INTO stateward_usage (tenant_id, namespace_id, day, entries, bytes, writes, conflicts)
SELECT %s, r.ns, coalesce(r.day, (clock_timestamp() AT TIME ZONE 'UTC')::date), r.e, r.b, r.w, r.c
FROM jsonb_to_recordset(%s::jsonb) AS r (ns uuid, day date, e bigint, b bigint, w bigint, c bigint)
"""


class Sum(NamedTuple):
    """What lives, what is stored of it and its history in bytes, and the writes of a UTC day."""

    entries: int = 0
    bytes: int = 0
    writes: int = 0

    def plus(self, entries: int, size: int, writes: int) -> Sum:
        return Sum(self.entries + entries, self.bytes + size, self.writes + writes)


class Counted:
    """What one process wrote in one namespace and nobody else knows of."""

    __slots__ = ("bytes", "conflicts", "entries", "writes")

    def __init__(self) -> None:
        self.entries = self.bytes = self.writes = self.conflicts = 0

    def add(self, other: Counted) -> None:
        self.entries += other.entries
        self.bytes += other.bytes
        self.writes += other.writes
        self.conflicts += other.conflicts


@dataclass(slots=True)
class Known:
    """The sums of a tenant's rows as they were read, by namespace."""

    at: float
    sums: dict[UUID, Sum]


Waiting = dict[UUID, dict[UUID, Counted]]


class Usage:
    """One process's part. Threads may share it: a rare lost count is accepted for speed."""

    def __init__(self) -> None:
        self._waiting: Waiting = {}
        self._known: dict[UUID, Known] = {}
        self._lock = threading.Lock()

    def note(
        self, tenant_id: UUID, namespace_id: UUID,
        *, entries: int = 0, size: int = 0, writes: int = 0, conflicts: int = 0,
    ) -> None:  # fmt: skip
        """Something was written, or refused for a conflict."""
        spaces = self._waiting.get(tenant_id)
        if spaces is None:
            spaces = self._waiting.setdefault(tenant_id, {})
        counted = spaces.get(namespace_id)
        if counted is None:
            counted = spaces.setdefault(namespace_id, Counted())
        counted.entries += entries
        counted.bytes += size
        counted.writes += writes
        counted.conflicts += conflicts

    def known(self, tenant_id: UUID) -> Known | None:
        return self._known.get(tenant_id)

    def know(self, tenant_id: UUID, sums: dict[UUID, Sum]) -> Known:
        if len(self._known) >= MOST_TENANTS:
            self._known.clear()
        self._known[tenant_id] = known = Known(time.monotonic(), sums)
        return known

    def waiting(self, tenant_id: UUID) -> Mapping[UUID, Counted]:
        return dict(self._waiting.get(tenant_id, {}))

    def drain(self, tenant_id: UUID | None = None) -> Waiting:
        """What is to be put down, of one tenant or of all; taken as put down."""
        with self._lock:
            if tenant_id is None:
                drained, self._waiting = self._waiting, {}
                return drained
            own = self._waiting.pop(tenant_id, None)
            return {tenant_id: own} if own else {}

    def put_back(self, drained: Waiting) -> None:
        with self._lock:
            for tenant_id, spaces in drained.items():
                own = self._waiting.setdefault(tenant_id, {})
                for namespace_id, counted in spaces.items():
                    own.setdefault(namespace_id, Counted()).add(counted)

    def forget(self) -> None:
        """As a new process has it."""
        self._waiting.clear()
        self._known.clear()


USAGE = Usage()


def add_usage(usage: Usage = USAGE, *, tenant_id: UUID | None = None) -> Flow[None]:
    """Put down what waits: one statement a tenant, which sets the tenant itself. What cannot be
    written is kept for the next time.
    """
    drained = usage.drain(tenant_id)
    while drained:
        tenant, spaces = next(iter(drained.items()))
        try:
            yield Statement(ADD, (tenant, _as_json(spaces.items())))
        except BaseException:  # also when the caller was cancelled
            usage.put_back(drained)
            raise
        if (known := usage.known(tenant)) is not None:  # what was put down is not lost to sight
            for namespace_id, counted in spaces.items():
                before = known.sums.get(namespace_id, Sum())
                known.sums[namespace_id] = before.plus(
                    counted.entries, counted.bytes, counted.writes
                )
        del drained[tenant]


def sums_of(
    tenant_id: UUID, *, max_age: float = MAX_AGE_SECONDS, usage: Usage = USAGE
) -> Flow[dict[UUID, Sum]]:
    """What each of the tenant's namespaces holds, as far as this process can know."""
    known = usage.known(tenant_id)
    if known is None or time.monotonic() - known.at > max_age:
        if known is not None:
            known.at = time.monotonic()  # the others go on with what is there while this one looks
        yield from add_usage(usage, tenant_id=tenant_id)
        rows = yield Statement(SUMS, (tenant_id,))
        known = usage.know(tenant_id, {row[0]: Sum(*row[1:]) for row in rows})
    sums = dict(known.sums)
    for namespace_id, counted in usage.waiting(tenant_id).items():
        before = sums.get(namespace_id, Sum())
        sums[namespace_id] = before.plus(counted.entries, counted.bytes, counted.writes)
    return sums


def merge_usage(tenant_id: UUID) -> Flow[None]:
    """Merge the tenant's rows into one for each namespace and day; days long over into one. In the
    tenant's scope.
    """
    yield Statement(MERGE, {"tenant": tenant_id})


def begin_settling(tenant_id: UUID) -> Flow[list[dict[str, Any]]]:
    """Take away all rows there are, before what they say is counted anew: the writes and conflicts
    of each day, for ``settle``. In the transaction that counts.
    """
    rows = yield Statement(BEGIN, (tenant_id,))
    return [{"ns": row[0], "day": row[1], "e": 0, "b": 0, "w": row[2], "c": row[3]} for row in rows]


def settle(
    tenant_id: UUID, days: list[dict[str, Any]], counted: Iterable[tuple[UUID, int, int]]
) -> Flow[None]:
    """Put down what was counted: (namespace, entries, bytes of values and revisions)."""
    rows = days + [
        {"ns": namespace_id, "day": None, "e": entries, "b": size, "w": 0, "c": 0}
        for namespace_id, entries, size in counted
    ]
    yield Statement(SETTLE, (tenant_id, orjson.dumps(rows).decode()))


def _as_json(spaces: Iterable[tuple[UUID, Counted]]) -> str:
    return orjson.dumps(
        [
            {"ns": ns, "e": one.entries, "b": one.bytes, "w": one.writes, "c": one.conflicts}
            for ns, one in spaces
        ]
    ).decode()
