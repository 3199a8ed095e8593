"""What is said of a run's progress, and when a slot comes: pure rules, and true ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from dashboards.jobs.timetable import LATE, _late, _rhythm
from dashboards.jobs.words import sentence_of, view_of
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.following import message_of, progress_of, share_of, time_left
from stateward.operations.jobs.heartbeats import Heartbeat
from stateward.operations.jobs.queries import JobRun, standing
from stateward.operations.jobs.timetable import Slot
from stateward.tenancy.scope import run_flow

NOW = datetime(2026, 11, 21, 9, 42, 17, tzinfo=UTC)
RUN = JobRun(
    id=uuid7(), tenant_id=uuid7(), name="probe", state="running", slot=None, queued_at=NOW,
    started_at=NOW - timedelta(seconds=10), finished_at=None, attempts=1, done=0, total=None,
    stage="", result=None, has_findings=False, error=None, worker="w:1", actor_type="system",
    actor_id=None, retry_of=None, stopped_by=None, params={}, has_checkpoint=False, beat_at=NOW,
    is_cancelled=False, now=NOW,
)  # fmt: skip
moments = st.datetimes(
    min_value=datetime(2001, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
spans = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=31)).map(
    lambda span: timedelta(seconds=int(span.total_seconds()))
)


@given(done=st.integers(0, 10**9), total=st.none() | st.integers(0, 10**9))
def test_a_share_is_never_more_than_all(done: int, total: int | None) -> None:
    share = share_of(replace(RUN, done=done, total=total))

    assert share is None or 0 <= share <= 1
    assert (share is None) == (not total)


@given(done=st.integers(1, 1000), total=st.integers(1, 1000))
def test_what_is_left_shrinks_to_nothing(done: int, total: int) -> None:
    left = time_left(replace(RUN, done=done, total=total))

    assert (left is None) == (done >= total)
    assert left is None or left > timedelta(0)


@given(every=spans, after=st.timedeltas(timedelta(0), timedelta(days=7)), now=moments)
def test_a_slot_comes_again_after_its_time(
    every: timedelta, after: timedelta, now: datetime
) -> None:
    slot = Slot("probe", every, after)

    assert slot.latest(now) <= now < slot.following(now)
    assert slot.following(now) - slot.latest(now) == every
    assert slot.latest(slot.following(now)) == slot.following(now)


@pytest.mark.parametrize("seconds", [15, 60, 3600, 86_400, 604_800])
def test_the_database_agrees_when_a_slot_comes(database: None, seconds: int) -> None:
    slot = Slot("probe", timedelta(seconds=seconds), timedelta(minutes=37))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_bin(%s, %s, timestamptz '2000-01-01 00:00+00' + %s)",
            (slot.every, NOW, slot.after),
        )
        assert cursor.fetchone() == (slot.latest(NOW),)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "at work"),
        ({"done": 1204, "stage": "scanning"}, "scanning, 1,204"),
        ({"done": 25, "total": 100, "stage": "copying"}, "copying, 25 of 100; about 30 s left"),
        ({"done": 1, "total": 100}, "1 of 100; about 16 min 30 s left"),
        ({"done": 1, "total": 1000}, "1 of 1,000; about 2 h 46 min left"),
        ({"done": 1, "total": 100, "started_at": NOW - timedelta(seconds=2)}, "1 of 100"),
        ({"state": "queued", "attempts": 0}, "waits for a worker"),
        ({"state": "queued", "attempts": 2, "done": 5}, "waits for its next turn"),
        ({"state": "done", "done": 41, "total": 41, "stage": "copying"}, "copying, 41 of 41"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_progress_is_one_phrase(changes: dict[str, Any], says: str) -> None:
    run = replace(RUN, **changes)

    assert progress_of(run) == says
    assert message_of(run)["says"] == says


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "queued", "attempts": 0}, "It waits for a worker, for 0.0 s so far."),
        ({"done": 2, "stage": "copying"}, "Copying, 2, 10 s since it began."),
        ({"state": "done", "finished_at": NOW}, "Done 0.0 s ago after 10 s."),
        (
            {"state": "failed", "finished_at": NOW, "error": "ValueError in x:1"},
            "Failed 0.0 s ago after 10 s: ValueError in x:1.",
        ),
        ({"state": "cancelled", "finished_at": NOW}, "Cancelled 0.0 s ago after 10 s."),
    ],
    ids=["queued", "running", "done", "failed", "cancelled"],
)
def test_a_run_is_one_sentence(changes: dict[str, Any], said: str) -> None:
    assert sentence_of(view_of(replace(RUN, **changes), {})).replace("\u00a0", " ") == said


def test_results_are_told_as_counts_and_as_words() -> None:
    result = {"entries": 40911, "archive": "a.tar", "is_signed": True, "parts": ["a", "b"]}

    view = view_of(replace(RUN, state="done", result=result), {})
    platforms = view_of(replace(RUN, state="done", result=result, tenant_id=None), {})

    assert view.counts == [("entries", "40,911")]
    assert view.details == [("archive", "a.tar"), ("is signed", "yes"), ("parts", "a, b")]
    assert (platforms.counts, platforms.details) == ([], [])


@pytest.mark.parametrize(
    ("every", "after", "says"),
    [
        (timedelta(seconds=15), timedelta(0), "every 15 s"),
        (timedelta(minutes=1), timedelta(seconds=2), "each minute"),
        (timedelta(hours=6), timedelta(minutes=17), "every 6 hours"),
        (timedelta(days=1), timedelta(hours=1, minutes=30), "each day, 01:30 UTC"),
        (timedelta(days=7), timedelta(hours=4), "each week, 04:00 UTC"),
    ],
)
def test_a_rhythm_is_told_in_words(every: timedelta, after: timedelta, says: str) -> None:
    assert _rhythm(Slot("probe", every, after)) == says


def test_a_slot_is_late_once_nobody_took_it() -> None:
    slot = Slot("probe", timedelta(hours=1))
    came = slot.latest(NOW)
    soon = came + LATE / 2

    assert _late(slot, replace(RUN, state="done", slot=came), NOW) is None
    assert _late(slot, replace(RUN, state="done", slot=came - slot.every), NOW) == NOW - came
    assert _late(slot, replace(RUN, state="running", slot=came - slot.every), NOW) is None
    assert _late(slot, None, soon) is None
    assert _late(slot, None, NOW) == NOW - came


def test_a_worker_is_there_until_it_leaves(database: None) -> None:
    heartbeat = Heartbeat()
    heartbeat._name = f"probe-{uuid7()}:1"

    def is_there() -> bool:
        return any(one.name == heartbeat._name for one in run_flow(standing()).processes)

    heartbeat.begin()
    while not is_there():
        pass
    heartbeat.end()

    assert not is_there()


def test_a_worker_that_cannot_say_so_works_on(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DATA_PLANE_DATABASE_URL = "postgresql://stateward_app:x@127.0.0.1:1/x"

    Heartbeat().end()

    assert [record.message for record in caplog.records] == ["worker.silent"]
