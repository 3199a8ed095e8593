"""What a job can do with its run: progress, log, checkpoint, guard."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from stateward.operations.jobs.interruptions import LeaseLost
from stateward.operations.jobs.lease import LINES, Lease, Taken
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.jobs.services import cancel
from stateward.tenancy.models import Tenant
from tests.factories.jobs import carry, nothing, open_row, queued, run_row
from tests.factories.tenants import make_tenant


def rename(run: Run, tenant: Tenant, name: str) -> None:
    """A guarded change."""
    with transaction.atomic():
        run.guard()
        Tenant.objects.filter(id=tenant.id).update(name=name)


def name_of(tenant: Tenant) -> str:
    return Tenant.objects.values_list("name", flat=True).get(id=tenant.id)


def lines_of(run_id: UUID) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, text FROM stateward_job_line WHERE run_id = %s ORDER BY number",
            (run_id,),
        )
        return list(cursor.fetchall())


def run_of(taken: Taken | None, lease: Lease) -> Run:
    assert taken is not None
    return Run(taken, lease, turn=None)


def test_a_job_is_given_what_was_asked_for(database: None) -> None:
    tenant = make_tenant()
    seen: list[Run] = []
    run_id = queued(tenant.id, depth=2)

    carry(run_id, lambda run: (seen.append(run), Outcome())[1])

    assert (seen[0].id, seen[0].tenant_id, seen[0].params) == (run_id, tenant.id, {"depth": 2})
    assert (seen[0].token, seen[0].checkpoint, seen[0].actor_id) == (1, None, None)


def test_progress_is_seen_while_the_work_is_in_a_transaction(run_id: UUID) -> None:
    seen: list[tuple[object, ...] | None] = []

    def work(run: Run) -> Outcome:
        with transaction.atomic():
            run.guard()
            run.keep({"next": 3})
            run.progress(3, 10, "copying")
            seen.append(open_row(run_id, "state, done, total, stage, leased_until > beat_at"))
        return Outcome()

    carry(run_id, work)

    assert seen == [("running", 3, 10, "copying", True)]
    assert run_row(run_id, "done, total, stage, checkpoint::text") == (
        *(3, 10, "copying"),
        '{"next": 3}',
    )


def test_the_log_keeps_its_first_lines(run_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stateward.operations.jobs.lease.LINES", 2)

    def work(run: Run) -> Outcome:
        for text in ("one", "two", "three"):
            run.note(text)
        return Outcome()

    carry(run_id, work)

    assert LINES == 1_000
    assert lines_of(run_id) == [(1, "one"), (2, "two")]


def test_a_checkpoint_is_kept_with_its_transaction_or_not_at_all(run_id: UUID) -> None:
    def work(run: Run) -> Outcome:
        run.keep({"next": 1})
        with transaction.atomic():
            run.keep({"next": 2})
            transaction.set_rollback(True)
        return Outcome()

    carry(run_id, work)

    assert run_row(run_id, "checkpoint::text") == ('{"next": 1}',)


def test_who_takes_over_goes_on_from_the_checkpoint(run_id: UUID) -> None:
    with Lease() as killed:
        run_of(killed.take(run_id), killed).keep({"next": 7})
    found: list[object] = []

    carry(run_id, lambda run: (found.extend([run.checkpoint, run.token]), Outcome())[1])

    assert found == [{"next": 7}, 2]


def test_a_worker_that_lost_its_run_changes_nothing_more(run_id: UUID) -> None:
    """It was only believed dead: it hangs, its lease ends, another takes over."""
    tenant = make_tenant()
    with Lease() as believed_dead:
        late = run_of(believed_dead.take(run_id), believed_dead)
        rename(late, tenant, "before")
        end_lease(run_id)
        carry(run_id)

        for attempt in (
            lambda: rename(late, tenant, "after"),
            lambda: late.keep({"next": 9}),
            lambda: late.progress(9, 9, "late"),
            lambda: believed_dead.finish("failed"),
        ):
            with pytest.raises(LeaseLost):
                attempt()

    assert name_of(tenant) == "before"
    assert run_row(run_id, "state, checkpoint") == ("done", None)


def test_a_take_over_waits_for_what_is_guarded(
    run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other order of the same race: the transaction ends first, and its effect stands."""
    monkeypatch.setattr("stateward.operations.jobs.lease.PATIENCE", "SET lock_timeout = '50ms'")
    with Lease() as slow:
        run = run_of(slow.take(run_id), slow)
        with transaction.atomic():
            run.guard()
            end_lease_elsewhere(slow, run_id)
            with Lease() as next_one:
                taken_meanwhile = next_one.take(run_id)

        with Lease() as next_one:
            taken_afterwards = next_one.take(run_id)

    assert taken_meanwhile is None
    assert taken_afterwards is not None
    assert taken_afterwards.token == 2


def test_a_guard_outside_a_transaction_is_a_mistake(run_id: UUID) -> None:
    with Lease() as lease, pytest.raises(RuntimeError, match="guards nothing"):
        run_of(lease.take(run_id), lease).guard()


def test_the_server_ends_a_guarded_transaction_that_says_nothing(run_id: UUID) -> None:
    with Lease() as lease, transaction.atomic(), connection.cursor() as cursor:
        run_of(lease.take(run_id), lease).guard()
        cursor.execute("SELECT current_setting('idle_in_transaction_session_timeout')")

        assert cursor.fetchone() == ("30s",)


def test_a_run_that_has_had_its_turn_waits_again_and_goes_on(
    run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[UUID] = []
    monkeypatch.setattr(
        "stateward.operations.jobs.carrying.send", lambda name, again: sent.append(again)
    )
    begun_at: list[int] = []

    def work(run: Run) -> Outcome:
        first = run.checkpoint["next"] if run.checkpoint else 0
        begun_at.append(first)
        for number in range(first, 3):
            run.keep({"next": number + 1})
            run.progress(number + 1, 3, "steps")
        return Outcome()

    outcomes = [carry(run_id, work, longest=timedelta(0)) for _ in range(4)]

    assert outcomes == [False, False, False, True]
    assert begun_at == [0, 1, 2, 3]
    assert sent == [run_id] * 3
    assert run_row(run_id, "state, attempts, deaths") == ("done", 4, 0)


def test_without_a_checkpoint_a_run_is_not_set_aside(run_id: UUID) -> None:
    def work(run: Run) -> Outcome:
        run.progress(1, 3, "steps")
        return Outcome()

    assert carry(run_id, work, longest=timedelta(0))


def test_a_cancelled_run_ends_at_its_next_report(run_id: UUID) -> None:
    tenant = make_tenant()

    def work(run: Run) -> Outcome:
        rename(run, tenant, "first")
        run.progress(1, 2, "renaming")
        assert cancel(run_id, tenant_id=None) == "asked"
        run.progress(1, 2, "renaming again")
        rename(run, tenant, "second")
        return Outcome()

    assert not carry(run_id, work)

    assert name_of(tenant) == "first"
    assert run_row(run_id, "state, done, total") == ("cancelled", 1, 2)


def test_a_job_cannot_swallow_its_end(run_id: UUID) -> None:
    """It goes on after a failing item, but not after it was cancelled."""

    def work(run: Run) -> Outcome:
        cancel(run_id, tenant_id=None)
        for number in range(3):
            try:
                run.progress(number, 3, f"item {number}")
            except Exception:
                pytest.fail("an end is no failure of an item")
        return Outcome()

    assert not carry(run_id, work)
    assert run_row(run_id, "state") == ("cancelled",)


def test_the_run_of_a_dead_worker_that_was_cancelled_is_not_begun_again(run_id: UUID) -> None:
    with Lease() as killed:
        killed.take(run_id)
        cancel(run_id, tenant_id=None)

    assert not carry(run_id, nothing)

    assert run_row(run_id, "state, attempts") == ("cancelled", 1)


def test_a_lease_is_renewed_while_the_job_says_nothing(
    run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stateward.operations.jobs.lease.RENEW_SECONDS", 0.01)

    def work(run: Run) -> Outcome:
        first = open_row(run_id, "beat_at")
        while open_row(run_id, "beat_at") == first:
            pass
        return Outcome()

    assert carry(run_id, work)


def end_lease(run_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_job_open SET leased_until = clock_timestamp() WHERE run_id = %s",
            (run_id,),
        )


def end_lease_elsewhere(lease: Lease, run_id: UUID) -> None:
    """On the lease's own session, as a beat that comes late; it does not wait for the guard."""
    lease._session.execute(
        "UPDATE stateward_job_open SET leased_until = clock_timestamp() WHERE run_id = %s",
        (run_id,),
    )
