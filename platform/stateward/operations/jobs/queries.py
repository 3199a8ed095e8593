"""What became of the jobs: for the console's health and for ``doctor``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Statement

LATEST = """
SELECT DISTINCT ON (name)
    name, id, state, slot, queued_at, started_at, finished_at, attempts, result::text, error
FROM stateward_job_run WHERE tenant_id IS NULL ORDER BY name, queued_at DESC
"""
AGE = """
SELECT extract(epoch FROM clock_timestamp() - max(queued_at))::float
FROM stateward_job_run WHERE tenant_id IS NULL AND slot IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run. ``result`` holds counts."""

    name: str
    id: UUID
    state: str
    slot: datetime | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    result: Mapping[str, int] | None
    error: str | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is not over."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


def latest_runs() -> Flow[list[JobRun]]:
    """The newest run of each of the platform's jobs, by name."""
    rows = yield Statement(LATEST)
    return [_job_run(row) for row in rows]


def seconds_since_timetable() -> Flow[float | None]:
    """How long ago the timetable last took a slot; None if it never did."""
    rows = yield Statement(AGE)
    age: float | None = rows[0][0]
    return age


def _job_run(row: tuple[Any, ...]) -> JobRun:
    name, run_id, state, slot, queued_at, started_at, finished_at, attempts, result, error = row
    return JobRun(
        name=name,
        id=run_id,
        state=state,
        slot=slot,
        queued_at=queued_at,
        started_at=started_at,
        finished_at=finished_at,
        attempts=attempts,
        result=None if result is None else orjson.loads(result),
        error=error,
    )
