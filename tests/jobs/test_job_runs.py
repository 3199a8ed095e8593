"""A run is carried out once, whoever is told of it how often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import Error as DatabaseError
from django.db import connection

from stateward.kernel.errors import Conflict
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.lease import DEATHS, GIVEN_UP, LEASE, Lease
from stateward.operations.jobs.queries import latest_runs, seconds_since_timetable
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.jobs.timetable import Slot, take_due
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.jobs import carry, open_row, queued, run_row
from tests.factories.sessions import Session
from tests.factories.tenants import make_tenant

SECRET = "the patient's name is Ada"


class Work:
    """A job that counts how often it was done."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self._error = error

    def __call__(self, run: Run) -> Outcome:
        self.done += 1
        if self._error:
            raise self._error
        return Outcome({"things": 3})


def test_a_run_is_remembered_with_what_it_did(run_id: UUID) -> None:
    assert carry(run_id, Work())

    columns = "state, attempts, result::text, error, finished_at >= started_at"
    assert run_row(run_id, columns) == ("done", 1, '{"things": 3}', None, True)
    assert open_row(run_id, "state") is None


def test_a_second_message_finds_it_done(run_id: UUID) -> None:
    work = Work()

    assert [carry(run_id, work), carry(run_id, work)] == [True, False]

    assert work.done == 1
    assert run_row(run_id, "attempts") == (1,)


def test_a_message_of_a_run_that_never_was_does_nothing(database: None) -> None:
    work = Work()

    assert not carry(uuid7(), work)
    assert work.done == 0


def test_a_second_message_while_the_first_is_at_work_is_dropped(run_id: UUID) -> None:
    second = Work()

    def first(run: Run) -> Outcome:
        assert not carry(run_id, second)
        return Outcome({"things": 1})

    assert carry(run_id, first)
    assert second.done == 0
    assert run_row(run_id, "attempts, result::text") == (1, '{"things": 1}')


def test_the_same_message_in_parallel_has_one_effect(run_id: UUID) -> None:
    """F28, in threads; test_celery_processes.py has it in processes."""
    done: list[int] = []
    barrier = threading.Barrier(4)

    def work(run: Run) -> Outcome:
        done.append(1)
        return Outcome()

    def deliver() -> None:
        barrier.wait()
        carry(run_id, work)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == [1]


def test_a_run_whose_worker_died_is_carried_out_by_the_next(run_id: UUID) -> None:
    with Lease() as killed:
        assert killed.take(run_id)

    assert carry(run_id, Work())

    assert run_row(run_id, "state, attempts") == ("done", 2)


def test_a_run_that_kills_its_workers_is_given_up(run_id: UUID) -> None:
    work = Work()
    for _ in range(DEATHS):
        with Lease() as killed:
            assert killed.take(run_id)

    assert not carry(run_id, work)

    assert work.done == 0
    columns = "state, error, finished_at IS NOT NULL"
    assert run_row(run_id, columns) == ("failed", GIVEN_UP, True)
    assert open_row(run_id, "state") is None


def test_a_run_that_gets_further_is_not_given_up(run_id: UUID) -> None:
    """Its deaths are counted since its last checkpoint."""

    def die(run: Run) -> Outcome:
        run.keep({"next": run.token})
        raise SystemExit

    for _ in range(DEATHS + 1):
        with pytest.raises(SystemExit):
            carry(run_id, die)

    assert run_row(run_id, "state, deaths") == ("running", 0)
    assert carry(run_id, Work())


def test_a_failure_is_noted_by_kind_and_place_never_by_its_text(
    run_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    assert not carry(run_id, Work(ValueError(SECRET)))

    state, error = run_row(run_id, "state, error")
    assert state == "failed"
    assert error.startswith("ValueError in stateward.operations.jobs.carrying:")
    assert [record.message for record in caplog.records] == ["job.failed"]


def test_a_refusal_is_noted_in_its_own_words(run_id: UUID) -> None:
    carry(run_id, Work(Conflict(SECRET)))

    assert run_row(run_id, "error") == ("The request conflicts with the present state.",)


def test_a_failed_run_is_not_tried_again(run_id: UUID) -> None:
    carry(run_id, Work(ValueError()))

    assert not carry(run_id, Work())


def test_findings_are_told_from_failure(run_id: UUID) -> None:
    carry(run_id, lambda run: Outcome({"found": 2}, has_findings=True))

    assert run_row(run_id, "state, has_findings") == ("done", True)


def test_a_run_whose_connection_breaks_is_failed_and_says_so(
    run_id: UUID, superuser: Session
) -> None:
    """The work's session is not the lease's."""

    def break_connection(run: Run) -> Outcome:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            superuser.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())
            cursor.execute("SELECT 1")
        return Outcome()

    assert not carry(run_id, break_connection)
    connection.close()

    assert run_row(run_id, "state, error")[0] == "failed"


def test_a_run_whose_lease_session_breaks_stays_open(run_id: UUID, superuser: Session) -> None:
    """It is no longer surely ours, so it ends nowhere here, and the timetable sends it again."""

    def break_lease(run: Run) -> Outcome:
        superuser.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l, stateward_job_open o"
            " WHERE o.run_id = %s AND l.locktype = 'advisory' AND"
            " l.classid::bigint << 32 | l.objid::bigint = stateward_job_lock(run_id, token)",
            (run_id,),
        )
        return Outcome()

    assert not carry(run_id, break_lease)

    assert run_row(run_id, "state") == ("running",)
    assert carry(run_id, Work())


def test_a_worker_that_hangs_loses_the_run_when_its_lease_ends(run_id: UUID) -> None:
    """Its session and lock are there all the while."""
    with Lease() as hanging:
        assert hanging.take(run_id)
        assert not carry(run_id, Work())
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE stateward_job_open SET leased_until = clock_timestamp() WHERE run_id = %s",
                (run_id,),
            )

        assert carry(run_id, Work())

    assert LEASE.total_seconds() < 60
    assert run_row(run_id, "state, attempts, deaths") == ("done", 2, 1)


# --- what the console asks


def test_the_newest_run_of_each_job_is_shown(slot: Slot) -> None:
    (due,) = run_flow(take_due([slot]))
    waiting = run_flow(latest_runs([slot.name]))[slot.name, False]
    carry(due.run_id, Work())

    done = run_flow(latest_runs([slot.name, "never_run"]))[slot.name, False]

    assert (waiting.state, waiting.result, waiting.seconds) == ("queued", None, None)
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
    own = queued(one.id)

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
        cursor.execute(
            "INSERT INTO stateward_job_run (tenant_id, name) VALUES (%s, 'x')", (one.id,)
        )


def test_sessions_of_a_lease_are_closed(run_id: UUID, new_session: Callable[[], Session]) -> None:
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stateward job'"
        " AND datname = current_database()"
    )

    carry(run_id, Work())

    session = new_session()
    for _ in range(100):  # the server takes a moment to end a session
        row = session.execute(count).fetchone()
        if row == (0,):
            break
    assert row == (0,)
