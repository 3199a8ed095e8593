from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import Error as DatabaseError
from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.jobs import runs
from stateward.operations.jobs.queries import latest_runs, seconds_since_timetable
from stateward.operations.jobs.runs import ATTEMPTS, LOCK, carry_out
from stateward.operations.jobs.timetable import Slot, take_due
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.jobs import run_row
from tests.factories.sessions import Session
from tests.factories.tenants import make_tenant

SECRET = "the patient's name is Ada"


class Work:
    """A job that counts how often it was done."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self._error = error

    def __call__(self) -> dict[str, int]:
        self.done += 1
        if self._error:
            raise self._error
        return {"things": 3}


def test_a_run_is_remembered_with_what_it_did(run_id: UUID) -> None:
    assert carry_out(run_id, Work())

    columns = "state, attempts, result::text, error, finished_at >= started_at"
    assert run_row(run_id, columns) == ("done", 1, '{"things": 3}', None, True)


def test_a_second_message_finds_it_done(run_id: UUID) -> None:
    work = Work()

    assert [carry_out(run_id, work), carry_out(run_id, work)] == [True, False]

    assert work.done == 1
    assert run_row(run_id, "attempts") == (1,)


def test_a_message_of_a_run_that_never_was_does_nothing(database: None) -> None:
    work = Work()

    assert not carry_out(uuid7(), work)
    assert work.done == 0


def test_a_second_message_while_the_first_is_at_work_is_dropped(
    run_id: UUID, new_session: Callable[[], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PATIENCE", "SET LOCAL lock_timeout = '50ms'")
    first, work = new_session(), Work()
    first.execute(LOCK, (f"stateward job {run_id}",))

    assert not carry_out(run_id, work)
    assert work.done == 0


def test_a_session_that_is_just_ending_is_waited_for(
    run_id: UUID, new_session: Callable[[], Session]
) -> None:
    """A killed worker's message is brought to the next one sooner than its session is gone."""
    killed = new_session()
    killed.execute(LOCK, (f"stateward job {run_id}",))
    ending = threading.Timer(0.2, killed.close)
    ending.start()

    assert carry_out(run_id, Work())
    ending.join()


def test_a_broken_connection_is_no_lock_of_another(run_id: UUID, superuser: Session) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        superuser.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())

    with pytest.raises(DatabaseError):
        carry_out(run_id, Work())
    connection.close()


def test_a_run_whose_worker_died_is_carried_out_by_the_next(run_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_job_run SET state = 'running', attempts = 1, started_at = now()"
            " WHERE id = %s",
            (run_id,),
        )

    assert carry_out(run_id, Work())

    assert run_row(run_id, "state, attempts") == ("done", 2)


def test_a_run_that_kills_its_workers_is_given_up(run_id: UUID) -> None:
    work = Work()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_job_run SET state = 'running', attempts = %s WHERE id = %s",
            (ATTEMPTS, run_id),
        )

    assert not carry_out(run_id, work)

    assert work.done == 0
    columns = "state, error, finished_at IS NOT NULL"
    assert run_row(run_id, columns) == ("failed", "given up: its workers died", True)


def test_a_failure_is_noted_by_kind_and_place_never_by_its_text(
    run_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    assert not carry_out(run_id, Work(ValueError(SECRET)))

    state, error = run_row(run_id, "state, error")
    assert state == "failed"
    assert error.startswith("ValueError in stateward.operations.jobs.runs:")
    assert [record.message for record in caplog.records] == ["job.failed"]


def test_a_failed_run_is_not_tried_again(run_id: UUID) -> None:
    carry_out(run_id, Work(ValueError()))

    assert not carry_out(run_id, Work())


def test_the_lock_is_given_back(run_id: UUID, new_session: Callable[[], Session]) -> None:
    carry_out(run_id, Work())

    session = new_session()
    session.execute("SET lock_timeout = '1s'")
    session.execute(LOCK, (f"stateward job {run_id}",))  # raises where it is held


def test_a_run_whose_connection_breaks_stays_open(run_id: UUID, superuser: Session) -> None:
    """It ended nowhere, so the timetable sends it again."""

    def break_connection() -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            superuser.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())
            cursor.execute("SELECT 1")
        return {}

    with pytest.raises(DatabaseError):
        carry_out(run_id, break_connection)
    connection.close()

    assert run_row(run_id, "state") == ("running",)
    assert carry_out(run_id, Work())


# --- what the console asks


def test_the_newest_run_of_each_job_is_shown(slot: Slot) -> None:
    (due,) = run_flow(take_due([slot]))
    (queued,) = [run for run in run_flow(latest_runs()) if run.name == slot.name]
    carry_out(due.run_id, Work())

    (done,) = [run for run in run_flow(latest_runs()) if run.name == slot.name]

    assert (queued.state, queued.result, queued.seconds) == ("queued", None, None)
    assert (done.state, done.result, done.id) == ("done", {"things": 3}, due.run_id)
    assert done.seconds is not None
    assert done.seconds >= 0


def test_a_silent_timetable_is_noticed(slot: Slot) -> None:
    run_flow(take_due([slot]))

    age = run_flow(seconds_since_timetable())

    assert age is not None
    assert 0 <= age < 60


def test_a_tenants_runs_are_its_own_and_the_platforms_are_everyones(run_id: UUID) -> None:
    one, other = make_tenant(), make_tenant()
    insert = "INSERT INTO stateward_job_run (tenant_id, name) VALUES (%s, %s) RETURNING id"
    with tenant_scope(one.id), connection.cursor() as cursor:
        cursor.execute(insert, (one.id, "probe"))
        (own,) = cursor.fetchone()

    def sees() -> list[bool]:
        with connection.cursor() as inner:
            inner.execute("SELECT id FROM stateward_job_run")
            ids = {row[0] for row in inner.fetchall()}
        return [own in ids, run_id in ids]

    with tenant_scope(one.id):
        seen_by_one = sees()
    with tenant_scope(other.id):
        seen_by_other = sees()

    assert (seen_by_one, seen_by_other, sees()) == ([True, True], [False, True], [False, True])
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        tenant_scope(other.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(insert, (one.id, "probe"))
