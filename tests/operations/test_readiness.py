"""What the probes say of jobs and pools; the rest is asked of a whole stack."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any
from unittest.mock import sentinel

import pytest
from django.conf import settings

from stateward.gate.sequence.health import NumberingHealth, numbering_health
from stateward.kernel.clock import now
from stateward.operations import readiness
from stateward.operations.jobs.queries import Process, Standing
from stateward.state.travel import Travel
from stateward.tenancy.scope import run_flow
from tests.factories.processes import until
from tests.feed.feeding import Numbering

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
    parts = {"database", "migrations", "keys", "redis", "sealing", "numbering", "jobs"}
    assert body["parts"].keys() == parts
    assert (ready.status, body["ready"]) == (200, True)
    assert 'stateward_pool_connections{state="open"}' in measured
    assert "stateward_jobs_queued " in measured
    assert "stateward_audit_sealing_lag_seconds " in measured
    assert "stateward_feed_numbering_silent_seconds " in measured


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (NumberingHealth("host:1", 0.0), "works"),
        (NumberingHealth("host:1", 5.0), "works"),
        (
            NumberingHealth("one:1", 11.0),
            "nobody numbers changes; one:1 did last: followers wait",
        ),
        (NumberingHealth(None, math.inf), "nobody numbers changes: followers wait"),
    ],
    ids=["well", "taken-over", "silent", "never"],
)
async def test_nobody_numbering_degrades(
    monkeypatch: pytest.MonkeyPatch, found: NumberingHealth, says: str
) -> None:
    def known() -> Any:
        yield from ()
        return found

    monkeypatch.setattr(readiness, "numbering_health", known)

    assert await readiness._numbering(Travel(settings.DATA_PLANE_DATABASE_URL)) == says


def test_who_numbers_is_known_by_the_lease() -> None:
    numbering = Numbering()
    try:
        until(lambda: not run_flow(numbering_health()).is_silent, "the numbering")
        health = run_flow(numbering_health())
    finally:
        numbering.end()

    assert (health.is_silent, bool(health.holder)) == (False, True)
    assert run_flow(numbering_health()).silent_seconds > 0
