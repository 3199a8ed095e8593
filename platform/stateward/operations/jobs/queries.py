"""What became of the jobs, and how they stand: for the console, the REST API and ``doctor``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Row, Statement
from stateward.operations.jobs.exceptions import NoSuchRun

COLUMNS = """
    r.id, r.tenant_id, r.name, r.state, r.slot, r.queued_at, r.started_at, r.finished_at,
    r.attempts, coalesce(o.done, r.done), CASE WHEN o.run_id IS NULL THEN r.total ELSE o.total END,
    CASE WHEN o.run_id IS NULL THEN r.stage ELSE o.stage END, r.result::text, r.has_findings,
    r.error, r.worker, r.actor_type, r.actor_id, r.retry_of, coalesce(o.stopped_by, r.stopped_by),
    r.params::text, r.checkpoint IS NOT NULL, o.beat_at, coalesce(o.is_cancelled, false),
    clock_timestamp()
"""
RUNS = (
    f"SELECT {COLUMNS} FROM stateward_job_run r LEFT JOIN stateward_job_open o ON o.run_id = r.id"
)

ONE = f"{RUNS} WHERE r.id = %s AND (r.tenant_id = %s OR r.tenant_id IS NULL)"
# ``whose`` is one of the two: an index serves neither a comparison with NULL nor a choice of them.
OWN, PLATFORMS = "tenant_id = %s", "tenant_id IS NULL AND %s::uuid IS NULL"
PAGE = f"""
SELECT {COLUMNS} FROM (
    SELECT * FROM stateward_job_run WHERE {{whose}}
        AND (%s::uuid IS NULL OR id < %s) AND (%s::text IS NULL OR name = %s)
        AND (%s::text IS NULL OR state = %s)
    ORDER BY tenant_id, id DESC LIMIT %s) r
LEFT JOIN stateward_job_open o ON o.run_id = r.id ORDER BY r.id DESC
"""
OPEN = f"""
SELECT {COLUMNS} FROM stateward_job_open o JOIN stateward_job_run r ON r.id = o.run_id
WHERE o.tenant_id = %s ORDER BY r.state DESC, r.id LIMIT %s
"""
# Names as ranges: an equal name would let the planner walk an index of all jobs by time, and find a
# rare job only after all others.
LATEST = f"""
SELECT {COLUMNS} FROM unnest(%s::text[]) AS n (name) CROSS JOIN LATERAL (
    (SELECT * FROM stateward_job_run WHERE tenant_id IS NULL
     AND name >= n.name AND name <= n.name ORDER BY tenant_id, name, queued_at DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM stateward_job_run WHERE tenant_id = %s
     AND name >= n.name AND name <= n.name ORDER BY tenant_id, name, queued_at DESC LIMIT 1)) r
LEFT JOIN stateward_job_open o ON o.run_id = r.id
"""
LINES = """
SELECT number, at, text FROM stateward_job_line
WHERE run_id = %s AND tenant_id IS NOT DISTINCT FROM %s AND number > %s ORDER BY number LIMIT %s
"""
STANDING = """
WITH seen AS (
    SELECT name, kind, started_at, extract(epoch FROM clock_timestamp() - seen_at) AS silent
    FROM stateward_job_process ORDER BY kind, name LIMIT 200),
sample AS (SELECT state, queued_at, leased_until FROM stateward_job_open LIMIT 10000)
SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'),
    clock_timestamp() - min(queued_at) FILTER (WHERE state = 'queued'),
    count(*) FILTER (WHERE state = 'running' AND leased_until < clock_timestamp()),
    clock_timestamp(), (SELECT coalesce(json_agg(seen), '[]') FROM seen)::text
FROM sample
"""
SILENT = timedelta(seconds=20)  # a worker says every five seconds that it is there
AGE = """
SELECT extract(epoch FROM clock_timestamp() - max(queued_at))::float
FROM stateward_job_run WHERE tenant_id IS NULL AND slot IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run. ``result`` holds counts. ``tenant_id`` is None for the platform's."""

    id: UUID
    tenant_id: UUID | None
    name: str
    state: str
    slot: datetime | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    done: int
    total: int | None
    stage: str
    result: Mapping[str, Any] | None
    has_findings: bool
    error: str | None
    worker: str
    actor_type: str
    actor_id: UUID | None
    retry_of: UUID | None
    stopped_by: UUID | None
    params: Mapping[str, Any]
    has_checkpoint: bool
    beat_at: datetime | None
    is_cancelled: bool
    now: datetime

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is not over."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def is_over(self) -> bool:
        return self.state not in {"queued", "running"}


class Line(NamedTuple):
    """A line of a run's log."""

    number: int
    at: datetime
    text: str


class Process(NamedTuple):
    """A worker or a beat; ``silent``: since it last said that it is there."""

    name: str
    kind: str
    started_at: datetime
    silent: timedelta

    @property
    def is_alive(self) -> bool:
        return self.silent < SILENT


class Standing(NamedTuple):
    """The queue of all tenants, in counts up to 10,000, and who works on it.

    ``hanging``: runs whose worker's lease has ended.
    """

    queued: int
    running: int
    oldest: timedelta | None
    hanging: int
    now: datetime
    processes: Sequence[Process]

    def lives(self, kind: str) -> bool:
        """Whether a worker, or a beat, has said lately that it is there."""
        return any(one.kind == kind and one.is_alive for one in self.processes)


def find_run(tenant_id: UUID, run_id: UUID) -> Flow[JobRun]:
    """A run of the tenant or of the platform; NoSuchRun (404)."""
    rows = yield Statement(ONE, (run_id, tenant_id))
    if not rows:
        raise NoSuchRun
    return _job_run(rows[0])


def list_runs(
    tenant_id: UUID | None,
    *,
    name: str | None = None,
    state: str | None = None,
    before: UUID | None = None,
    limit: int,
) -> Flow[list[JobRun]]:
    """Runs of a tenant, or of the platform, newest first."""
    parameters = (tenant_id, before, before, name, name, state, state, limit)
    rows = yield Statement(PAGE.format(whose=_whose(tenant_id)), parameters)
    return [_job_run(row) for row in rows]


def open_runs(tenant_id: UUID, *, limit: int) -> Flow[list[JobRun]]:
    """The tenant's runs that are not over, those at work first."""
    rows = yield Statement(OPEN, (tenant_id, limit))
    return [_job_run(row) for row in rows]


def latest_runs(
    names: Collection[str], tenant_id: UUID | None = None
) -> Flow[dict[tuple[str, bool], JobRun]]:
    """The newest run of each of these jobs, by its name and whether it is the tenant's; else it
    is the platform's.
    """
    rows = yield Statement(LATEST, (list(names), tenant_id))
    return {(row[2], row[1] is not None): _job_run(row) for row in rows}


def lines_of(run: JobRun, *, after: int = 0, limit: int = 1_000) -> Flow[list[Line]]:
    """The run's log, oldest first."""
    rows = yield Statement(LINES, (run.id, run.tenant_id, after, limit))
    return [Line(*row) for row in rows]


def standing() -> Flow[Standing]:
    """How much waits, for how long, and who is there for it."""
    rows = yield Statement(STANDING)
    queued, running, oldest, hanging, now, seen = rows[0]
    there = [_process(one) for one in orjson.loads(seen)]
    return Standing(queued, running, oldest, hanging, now, there)


def seconds_since_timetable() -> Flow[float | None]:
    """How long ago the timetable last took a slot; None if it never did."""
    rows = yield Statement(AGE)
    age: float | None = rows[0][0]
    return age


def _process(seen: Mapping[str, Any]) -> Process:
    began = datetime.fromisoformat(seen["started_at"])
    return Process(seen["name"], seen["kind"], began, timedelta(seconds=seen["silent"]))


def _whose(tenant_id: UUID | None) -> str:
    return OWN if tenant_id else PLATFORMS


def _job_run(row: Row) -> JobRun:
    values = list(row)
    values[12] = None if row[12] is None else orjson.loads(row[12])
    values[20] = orjson.loads(row[20])
    return JobRun(*values)
