"""Jobs through a real broker, real workers and real beats, some of them killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import redis
from django.db import connection

from stateward.celery import app
from stateward.gate.keys.root import ensure_root_key
from stateward.kernel.naming import fingerprint
from stateward.operations.jobs.sending import task_name
from stateward.operations.jobs.timetable import Due, Slot, take_due
from stateward.tenancy.scope import run_flow
from tests.factories.jobs import run_row
from tests.factories.processes import CeleryProcess, until, worker
from tests.factories.sessions import Session
from tests.factories.state import World, make_world
from tests.jobs import other_root_key

pytestmark = pytest.mark.stack
EXPIRE = Slot("expire_entries", every=timedelta(microseconds=1))


def send(*dues: Due) -> None:
    for due in dues:
        app.send_task(task_name(due.name), args=[str(due.run_id)])


def state_of(run_id: UUID) -> str:
    state: str = run_row(run_id, "state")[0]
    return state


@pytest.fixture
def world(database: None) -> World:
    """A tenant with one entry that is due."""
    with connection.cursor() as cursor:  # what other tests left open would stand in the way
        cursor.execute("DELETE FROM stateward_job_open")
    world = make_world()
    world.put("brief", 1, ttl_seconds=0.01)
    time.sleep(0.02)
    return world


def hold(superuser: Session) -> None:
    """Keep the sweep waiting in the middle of its transaction, until the session rolls back."""
    superuser.execute("LOCK TABLE stateward_change IN ACCESS EXCLUSIVE MODE")


def is_waiting() -> bool:
    """Whether somebody waits for what ``hold`` holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND relation = 'stateward_change'::regclass"
        )
        return bool(cursor.fetchone()[0])


def test_a_killed_workers_task_is_done_by_another_with_one_effect(
    world: World, broker: redis.Redis, superuser: Session, tmp_path: Path
) -> None:
    """First its child is killed, then all of it; each time in the middle of a transaction."""
    hold(superuser)
    (due,) = run_flow(take_due([EXPIRE]))
    send(due)
    with ExitStack() as stack:
        first = stack.enter_context(worker(tmp_path, "first"))
        until(is_waiting, "the sweep to begin", first)

        os.kill(first.children()[0], signal.SIGKILL)
        until(lambda: run_row(due.run_id, "attempts") == (2,), "the second attempt", first)
        until(is_waiting, "the sweep to begin again", first)
        second = stack.enter_context(worker(tmp_path, "second"))  # while the first still works
        first.kill()
        until(lambda: not is_waiting(), "the killed session to end", second)
        (again,) = run_flow(take_due([EXPIRE], again_after=timedelta(0)))
        send(again, again)  # twice, as a broker may
        until(is_waiting, "the sweep to begin a third time", second)
        superuser.rollback()
        until(lambda: state_of(due.run_id) == "done", "the run to end", second)
        until(lambda: broker.llen("stateward") == 0, "the second message to be read", second)

    assert again == due
    assert run_row(due.run_id, "attempts, error") == (3, None)
    assert world.history("brief") == [(2, "expire"), (1, "put")]


def test_a_worker_with_another_root_key_does_not_start(
    database: None, broker: redis.Redis, tmp_path: Path
) -> None:
    run_flow(ensure_root_key())
    log = tmp_path / "worker.log"
    process = CeleryProcess("worker", log=log, DJANGO_SETTINGS_MODULE=other_root_key.__name__)

    try:
        assert process.popen.wait(timeout=30) != 0
    finally:
        process.end()

    assert fingerprint(other_root_key.ROOT_KEY) in process.output
    assert "ready" not in process.output
