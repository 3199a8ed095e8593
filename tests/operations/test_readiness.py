"""What the probes say of jobs and pools; the rest is asked of a whole stack."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest.mock import sentinel

import pytest
from django.conf import settings

from stateward.kernel.clock import now
from stateward.operations import readiness
from stateward.operations.jobs.queries import Process, Standing
from stateward.state.travel import Travel

pytestmark = pytest.mark.usefixtures("database")


def queue(*alive: str, waits: float | None = None) -> Standing:
    there = [Process(f"{kind}-1", kind, now(), timedelta(seconds=1)) for kind in alive]
    oldest = None if waits is None else timedelta(seconds=waits)
    return Standing(0, 0, oldest, 0, now(), there)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (queue("worker", "beat"), "works"),
        (queue("worker", "beat", waits=5), "works"),
        (queue("worker", "beat", waits=90), "a run waits for 90 s"),
        (queue("beat"), "no worker is alive; runs wait in their rows"),
        (queue("worker"), "no beat is alive; runs wait in their rows"),
    ],
    ids=["well", "waits", "late", "no-worker", "no-beat"],
)
async def test_jobs_degrade_and_break_nothing(
    monkeypatch: pytest.MonkeyPatch, found: Standing, says: str
) -> None:
    def known() -> Any:
        yield from ()
        return found

    monkeypatch.setattr(readiness, "standing", known)
    travel = Travel(settings.DATA_PLANE_DATABASE_URL)

    assert await readiness._jobs(travel) == says


async def test_a_whole_answer_names_each_part() -> None:
    travel = Travel(settings.DATA_PLANE_DATABASE_URL)
    await travel.open()
    try:
        ready = await readiness.readiness(travel, sentinel.request)
        measured = (await readiness.metrics(travel, sentinel.actor)).body.decode()
    finally:
        await travel.close()

    body = json.loads(ready.body)
    assert body["parts"].keys() == {"database", "migrations", "keys", "redis", "sealing", "jobs"}
    assert (ready.status, body["ready"]) == (200, True)
    assert 'stateward_pool_connections{state="open"}' in measured
    assert "stateward_jobs_queued " in measured
    assert "stateward_audit_sealing_lag_seconds " in measured
