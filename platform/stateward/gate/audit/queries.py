"""Reads of the audit for the explorer. Within the tenant's scope; whoever calls has decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.filters import RecordFilter
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement

SAMPLE = 10_000  # the newest records that facets and chart look at
FACETS = ("action", "outcome", "actor", "namespace", "classification")
TOP = 12  # values of a facet

# The planner takes pages in scattered order for four times as dear as in a row, which they are not
# any more, and so reads a month of records where the Bloom filters leave a few hundred.
PLAN = """
SELECT set_config('random_page_cost', '1.1', true),
    set_config('max_parallel_workers_per_gather', '0', true)
"""
COLUMNS = """
    r.id, r.at, r.seq, r.action, r.outcome, r.actor_type, r.actor_id, r.actor_name,
    r.resource_type, r.resource_id, r.namespace_id, r.classification, r.decision_id, r.request_id,
    r.run, r.record, r.payload::text
"""


class Position(NamedTuple):
    """Where a page of the explorer goes on: records older than this one."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record: its columns, the exact bytes that are sealed, and its erasable payload."""

    id: UUID
    at: datetime
    seq: int
    action: str
    outcome: str
    actor_type: str
    actor_id: UUID
    actor_name: str
    resource_type: str
    resource_id: str
    namespace_id: UUID | None
    classification: str | None
    decision_id: UUID | None
    request_id: str
    run: str | None
    record: bytes
    payload: dict[str, Any]

    @property
    def content(self) -> dict[str, Any]:
        """What the sealed bytes say; empty when somebody made them into no JSON."""
        try:
            content = orjson.loads(self.record)
        except orjson.JSONDecodeError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def key(self) -> str | None:
        return self.payload.get("key")

    @property
    def position(self) -> Position:
        return Position(self.at, self.id)


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a facet, and how many of the records looked at have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of time: how many records were allowed and denied in it."""

    start: datetime
    allowed: int
    denied: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What the records that match are like, by the newest ``SAMPLE`` of them."""

    count: int
    is_complete: bool  # False: there are more than were looked at
    facets: dict[str, list[Facet]]
    buckets: list[Bucket]


def search_records(
    wanted: RecordFilter, *, before: Position | None = None, limit: int = 100
) -> Flow[tuple[list[AuditRecord], Position | None]]:
    """A page of records, newest first, and where the next one goes on (None at the end)."""
    where, parameters = wanted.where()
    yield Statement(PLAN)
    if before is not None:
        where += " AND (r.at, r.id) < (%s, %s)"
        parameters += [*before]
    rows = yield Statement(
        f"SELECT {COLUMNS} FROM stateward_audit_record r WHERE {where}"
        " ORDER BY r.at DESC, r.id DESC LIMIT %s",
        [*parameters, limit + 1],
    )
    found = [record_from(row) for row in rows[:limit]]
    return found, found[-1].position if len(rows) > limit else None


def find_record(tenant_id: UUID, record_id: UUID) -> Flow[AuditRecord]:
    """The record of this id. Raises NotFound."""
    rows = yield Statement(
        f"SELECT {COLUMNS} FROM stateward_audit_record r WHERE r.tenant_id = %s AND r.id = %s",
        (tenant_id, record_id),
    )
    if not rows:
        raise NotFound
    return record_from(rows[0])


def record_from(row: tuple[Any, ...]) -> AuditRecord:
    *columns, record, payload = row
    return AuditRecord(*(*columns, bytes(record), orjson.loads(payload)))


def survey_records(wanted: RecordFilter, *, buckets: int = 60) -> Flow[Survey]:
    """Facets with counts, and counts over time, of the newest records that match; one query."""
    where, parameters = wanted.where()
    yield Statement(PLAN)
    rows = yield Statement(
        f"""
        WITH sample AS MATERIALIZED (
            SELECT r.at, r.action, r.outcome, r.actor_id::text AS actor, r.actor_name,
                r.namespace_id::text AS namespace, r.classification
            FROM stateward_audit_record r WHERE {where} ORDER BY r.at DESC LIMIT {SAMPLE + 1}
        ), bounds AS (
            SELECT count(*) AS count, coalesce(%s, min(at)) AS low, coalesce(%s, max(at)) AS high
            FROM sample
        ), facets AS (
            SELECT name, value, max(label) AS label, count(*) AS count,
                row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, value) AS rank
            FROM sample, LATERAL (VALUES ('action', action, action), ('outcome', outcome, outcome),
                ('actor', actor, actor_name), ('namespace', namespace, namespace),
                ('classification', classification, classification)) AS f (name, value, label)
            WHERE value IS NOT NULL GROUP BY name, value
        ), chart AS (
            SELECT least(width_bucket(extract(epoch FROM at), extract(epoch FROM low),
                    extract(epoch FROM high), %s), %s) AS bucket,
                count(*) FILTER (WHERE outcome = 'allow') AS allowed,
                count(*) FILTER (WHERE outcome <> 'allow') AS denied
            FROM sample, bounds WHERE high > low GROUP BY 1
        )
        SELECT 'bounds', NULL, NULL, count, NULL, low, high FROM bounds
        UNION ALL SELECT name, value, label, count, rank, NULL, NULL FROM facets WHERE rank <= {TOP}
        UNION ALL SELECT 'bucket', bucket::text, NULL, allowed, denied, NULL, NULL FROM chart
        """,
        [*parameters, wanted.since, wanted.until, buckets, buckets],
    )
    return _survey(rows, buckets)


def _survey(rows: list[tuple[Any, ...]], buckets: int) -> Survey:
    facets: dict[str, list[Facet]] = {name: [] for name in FACETS}
    counts: dict[int, tuple[int, int]] = {}
    total, low, high = 0, None, None
    for name, value, label, count, other, start, end in rows:
        if name == "bounds":
            total, low, high = count, start, end
        elif name == "bucket":
            counts[int(value)] = (count, other)
        else:
            facets[name].append(Facet(value, label, count))
    for found in facets.values():
        found.sort(key=lambda facet: (-facet.count, facet.value))
    return Survey(
        count=min(total, SAMPLE),
        is_complete=total <= SAMPLE,
        facets=facets,
        buckets=_buckets(low, high, counts, buckets),
    )


def _buckets(
    low: datetime | None, high: datetime | None, counts: dict[int, tuple[int, int]], buckets: int
) -> list[Bucket]:
    if low is None or high is None or not counts:
        return []
    width: timedelta = (high - low) / buckets
    return [
        Bucket(low + width * number, *counts.get(number + 1, (0, 0))) for number in range(buckets)
    ]
