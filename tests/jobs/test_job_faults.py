"""A job of many steps while its workers, its beat and its broker are hurt: each step has one
effect (F08, F26, F28).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection

from stateward.celery import app
from stateward.operations.jobs.inserting import insert, scope_of
from stateward.operations.jobs.lease import LEASE
from stateward.operations.jobs.sending import task_name
from tests.factories.jobs import run_row
from tests.factories.processes import CeleryProcess, beat, until, worker
from tests.factories.tenants import make_tenant
from tests.jobs.probing import RESTS, STEPS
from tests.patience import in_time

pytestmark = pytest.mark.stack
PROBING = {"DJANGO_SETTINGS_MODULE": "tests.jobs.probing.settings"}
TABLE = """
CREATE TABLE IF NOT EXISTS probe_effect (run_id uuid, step integer, pid integer);
GRANT ALL ON probe_effect TO stateward_app;
"""


class Stack:
    """Two workers with a child each, a beat, a broker."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM stateward_job_open")
        self.tenant_id = make_tenant().id
        self._folder, self._stack, self._count = folder, stack, 0
        self.beat = self.add_beat()
        self.workers = [self.worker(), self.worker()]
        until(lambda: all("ready" in one.output for one in self.workers), "workers", *self.workers)

    def worker(self) -> CeleryProcess:
        self._count += 1
        name = f"worker-{self._count}"
        return self._stack.enter_context(worker(self._folder, name, **PROBING))

    def add_beat(self, timetable: str = "Nothing") -> CeleryProcess:
        self._count += 1
        name, scheduler = f"beat-{self._count}", f"tests.jobs.probing.beat:{timetable}"
        started = beat(self._folder, name, "--scheduler", scheduler, **PROBING)
        return self._stack.enter_context(started)

    def start(self, pause: float = 0.0, *, rest: float = 0.0, times: int = 1) -> UUID:
        """A run, and so many messages of it."""
        with scope_of(self.tenant_id):
            run_id = insert("probe", self.tenant_id, params={"pause": pause, "rest": rest})
        for _ in range(times):
            app.send_task(task_name("probe"), args=[str(run_id)])
        return run_id

    def state(self, run_id: UUID) -> str:
        return str(run_row(run_id, "state", self.tenant_id)[0])

    def steps(self, run_id: UUID) -> int:
        return len(effects(run_id))

    def until_done(self, run_id: UUID) -> None:
        until(lambda: self.state(run_id) == "done", "the end", *self.workers, self.beat)

    def until_step(self, run_id: UUID, step: int) -> None:
        until(lambda: self.steps(run_id) >= step, f"step {step}", *self.workers, self.beat)


@pytest.fixture(scope="module")
def stack(
    django_db_blocker: object, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True) as su:
        su.execute(TABLE)
    with django_db_blocker.unblock(), ExitStack() as stack:  # type: ignore[attr-defined]
        yield Stack(tmp_path_factory.mktemp("faults"), stack)
        stack.close()
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True) as su:
        su.execute("DROP TABLE probe_effect")


@pytest.fixture(autouse=True)
def unblocked(database: None) -> None:
    """Django's connection."""


def effects(run_id: UUID) -> list[tuple[int, int]]:
    """(step, how often), in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT step, count(*) FROM probe_effect WHERE run_id = %s GROUP BY 1 ORDER BY 1",
            (run_id,),
        )
        return list(cursor.fetchall())


def workers_of(run_id: UUID) -> list[int]:
    """The processes that had effects, in order of their first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM probe_effect WHERE run_id = %s GROUP BY pid ORDER BY min(step)",
            (run_id,),
        )
        return [row[0] for row in cursor.fetchall()]


ONCE = [(step, 1) for step in range(STEPS)]


def test_a_task_delivered_five_times_in_parallel_has_one_effect(stack: Stack) -> None:
    run_id = stack.start(0.01, times=5)

    stack.until_done(run_id)

    assert effects(run_id) == ONCE
    assert run_row(run_id, "attempts, deaths", stack.tenant_id) == (1, 0)


def test_a_worker_believed_dead_changes_nothing_more(stack: Stack) -> None:
    """It hangs, loses its lease, and wakes up when another has done the rest."""
    run_id = stack.start(rest=1.5)
    stack.until_step(run_id, RESTS + 1)
    (hanging,) = workers_of(run_id)
    os.kill(hanging, signal.SIGSTOP)
    try:
        with connection.cursor() as cursor:  # what takes 20 s by itself
            cursor.execute(
                "UPDATE stateward_job_open SET leased_until = clock_timestamp() WHERE run_id = %s",
                (run_id,),
            )
        stack.until_done(run_id)
        done_by_others = effects(run_id)
    finally:
        os.kill(hanging, signal.SIGCONT)
    next_run = stack.start(times=4)
    stack.until_done(next_run)

    assert LEASE.total_seconds() == 20
    assert done_by_others == effects(run_id) == ONCE
    assert len(workers_of(run_id)) == 2
    assert run_row(run_id, "attempts", stack.tenant_id) == (2,)


def test_a_killed_workers_run_is_taken_over_in_seconds_from_its_checkpoint(stack: Stack) -> None:
    """All of the worker at once, kill -9."""
    run_id = stack.start(0.05)
    stack.until_step(run_id, 5)
    (pid,) = workers_of(run_id)
    (doomed,) = [one for one in stack.workers if pid in one.children()]
    before = stack.steps(run_id)

    doomed.kill()
    killed_at = time.monotonic()
    until(lambda: len(workers_of(run_id)) == 2, "the take-over", *stack.workers, stack.beat)
    took = time.monotonic() - killed_at
    stack.until_done(run_id)
    stack.workers.remove(doomed)
    stack.workers.append(stack.worker())

    assert in_time(took, 8)
    assert before >= 5
    assert effects(run_id) == ONCE
    assert run_row(run_id, "attempts, deaths", stack.tenant_id)[0] == 2


def test_a_flushed_broker_loses_no_run(stack: Stack) -> None:
    """Messages that nobody had read yet, and all that the broker knew of its readers."""
    busy = [stack.start(0.03) for _ in range(2)]
    for run_id in busy:
        stack.until_step(run_id, 1)
    waiting = [stack.start() for _ in range(3)]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()

    for run_id in (*busy, *waiting):
        stack.until_done(run_id)

    assert [effects(run_id) for run_id in (*busy, *waiting)] == [ONCE] * 5


def test_two_beats_fire_each_slot_once_and_one_fires_every_slot(stack: Stack) -> None:
    """A slot each second, and one of the beats killed in between."""
    beats = [stack.add_beat("EachSecond") for _ in range(2)]
    until(lambda: all("Starting" in one.output for one in beats), "both beats", *beats)
    until(lambda: len(slots()) >= 3, "three slots", *beats)
    beats[0].kill()
    until(lambda: len(slots()) >= 6, "three more", *beats)
    beats[1].kill()

    found = slots()

    assert {count for _, count in found} == {1}
    seconds = [int(slot) for slot, _ in found]
    assert seconds == sorted(set(seconds))


def test_without_a_beat_nothing_is_lost(stack: Stack) -> None:
    """Beat is killed while a message is lost; the next one finds the run."""
    stack.beat.kill()
    with scope_of(stack.tenant_id):
        run_id = insert("probe", stack.tenant_id, params={"pause": 0, "rest": 0})

    stack.beat = stack.add_beat()
    stack.until_done(run_id)

    assert effects(run_id) == ONCE
    assert run_row(run_id, "attempts", stack.tenant_id) == (1,)


def slots() -> list[tuple[float, int]]:
    """The slots of the job of each second, with how many runs they have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM slot)::float, count(*) FROM stateward_job_run"
            " WHERE name = 'probe_tick' GROUP BY 1 ORDER BY 1"
        )
        return list(cursor.fetchall())
