"""Each slot has one run, however many timetables there are (F08)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
import redis
from celery import signals
from django.db import Error as DatabaseError
from django.test import override_settings

from stateward import schedule
from stateward.celery import app, begin
from stateward.gate.keys.root import ensure_root_key
from stateward.kernel import strictjson
from stateward.operations import tasks
from stateward.operations.jobs import scheduler
from stateward.operations.jobs.scheduler import QUIET_SECONDS, TICK_SECONDS, SlotScheduler
from stateward.operations.jobs.sending import task_name
from stateward.operations.jobs.services import start
from stateward.operations.jobs.timetable import Slot, take_due
from stateward.tenancy.scope import run_flow
from tests.factories.jobs import carry, run_row, runs_of
from tests.factories.sessions import Session, run_on

AT_ONCE = timedelta(0)


def scheduler_of(*slots: Slot) -> SlotScheduler:
    class Timetable(SlotScheduler):
        timetable = slots

    return Timetable(app=app, lazy=True)


def messages(broker: redis.Redis) -> list[str]:
    """The tasks that wait in the broker, oldest first."""
    found = broker.lrange("stateward", 0, -1)
    parsed = [strictjson.loads(one, max_bytes=10_000) for one in found]
    return [one["headers"]["task"] for one in reversed(parsed)]


def test_a_slot_is_taken_once(slot: Slot) -> None:
    first, second = run_flow(take_due([slot])), run_flow(take_due([slot]))

    assert [due.name for due in first] == [slot.name]
    assert second == []


def test_a_slot_is_taken_by_one_of_many(slot: Slot, new_session: Callable[[], Session]) -> None:
    slots = [Slot(f"{slot.name}_{number}", slot.every) for number in range(20)]
    barrier = threading.Barrier(4)
    taken: list[str] = []

    def take(session: Session) -> None:
        barrier.wait()
        taken.extend(due.name for due in run_on(session, take_due(slots)))

    threads = [threading.Thread(target=take, args=(new_session(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(one.name for one in slots)


def test_a_slot_lies_on_the_round_time_and_its_offset(slot: Slot) -> None:
    daily = Slot(slot.name, every=timedelta(days=1), after=timedelta(hours=3))

    run_flow(take_due([daily]))

    ((found, queued_at),) = runs_of(slot.name, "slot, queued_at")
    found = found.astimezone(UTC)
    assert (found.hour, found.minute, found.second) == (3, 0, 0)
    assert timedelta(0) <= queued_at - found < timedelta(days=1)


def test_the_next_slot_is_taken_when_the_job_is_over(slot: Slot) -> None:
    seconds = Slot(slot.name, every=timedelta(milliseconds=1))
    (first,) = run_flow(take_due([seconds]))

    while_open = run_flow(take_due([seconds]))
    carry(first.run_id)
    (afterwards,) = run_flow(take_due([seconds]))

    assert while_open == []
    assert afterwards.run_id != first.run_id


def test_what_was_sent_and_not_begun_is_sent_again(slot: Slot) -> None:
    (first,) = run_flow(take_due([slot]))

    assert run_flow(take_due([slot])) == []
    assert run_flow(take_due([slot], again_after=AT_ONCE)) == [first]


def test_what_is_over_is_not_sent_again(slot: Slot) -> None:
    (first,) = run_flow(take_due([slot]))
    carry(first.run_id)

    assert run_flow(take_due([slot], again_after=AT_ONCE)) == []


def test_what_left_the_timetable_is_left_alone(slot: Slot) -> None:
    run_flow(take_due([slot]))
    other = Slot(f"{slot.name}_other", slot.every)

    assert [due.name for due in run_flow(take_due([other], again_after=AT_ONCE))] == [other.name]


# --- beat


def test_a_tick_sends_what_is_due_once(slot: Slot, broker: redis.Redis) -> None:
    one, two = scheduler_of(slot), scheduler_of(slot)

    assert [one.tick(), two.tick(), one.tick()] == [TICK_SECONDS] * 3

    # What other tests left waiting is sent again by whichever timetable ticks.
    assert [one for one in messages(broker) if one == task_name(slot.name)] == [
        task_name(slot.name)
    ]


def test_while_the_broker_is_away_slots_wait_in_their_rows(
    slot: Slot, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = scheduler_of(slot)
    with app.connection_for_write("redis://127.0.0.1:1/0", connect_timeout=0.1) as nowhere:
        send = app.send_task
        monkeypatch.setattr(
            app,
            "send_task",
            lambda *args, **kwargs: send(*args, connection=nowhere, retry=False, **kwargs),
        )
        assert beat.tick() == QUIET_SECONDS
    monkeypatch.undo()

    assert messages(broker) == []
    assert len(run_flow(take_due([slot], again_after=AT_ONCE))) == 1


def test_while_the_database_is_away_nothing_is_due(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(flow: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(scheduler, "run_flow", down)

    assert scheduler_of(slot).tick() == QUIET_SECONDS


# --- the timetable as it is


def test_every_job_of_the_timetable_has_its_task() -> None:
    app.loader.import_default_modules()

    assert tasks
    assert {task_name(slot.name) for slot in schedule.TIMETABLE} <= set(app.tasks)
    assert app.conf.beat_scheduler == "stateward.schedule:TimetableScheduler"
    assert schedule.TimetableScheduler.timetable is schedule.TIMETABLE


def test_celery_is_set_as_a_job_needs_it() -> None:
    """What each of these costs when it is otherwise was measured: tasks lost, or run twice."""
    conf = app.conf

    assert (conf.task_acks_late, conf.task_reject_on_worker_lost) == (True, True)
    assert conf.worker_prefetch_multiplier == 1
    assert (conf.accept_content, conf.task_serializer) == (["json"], "json")
    assert conf.result_backend is None
    options = conf.broker_transport_options
    assert options["visibility_timeout"] > conf.task_time_limit
    assert options["unacked_restore_throttle"] == 1


def test_a_task_carries_its_run_out(database: None) -> None:
    """In this process; test_celery_processes.py has them in processes of their own."""
    app.loader.import_default_modules()
    run_id = start("maintain_partitions", tenant_id=None)

    assert app.tasks[task_name("maintain_partitions")](str(run_id))
    assert run_row(run_id, "state") == ("done",)


def test_worker_and_beat_ask_for_the_root_key_first(database: None) -> None:
    run_flow(ensure_root_key())

    begin()
    with override_settings(ROOT_KEY=b"another root key of 32 bytes ..."), pytest.raises(SystemExit):
        begin()
    for signal in (signals.worker_init, signals.beat_init):
        assert begin in [receiver() for _, receiver in signal.receivers]
