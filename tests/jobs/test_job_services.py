"""Asking for runs, ending them, trying again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
import redis
from django.db import transaction
from kombu.exceptions import OperationalError

from stateward.kernel.ids import uuid7
from stateward.operations.jobs import registry
from stateward.operations.jobs.exceptions import AlreadyOver, CannotStop, NoSuchRun, NotOver
from stateward.operations.jobs.inserting import scope_of
from stateward.operations.jobs.lease import Lease
from stateward.operations.jobs.running import Job, Outcome, Run
from stateward.operations.jobs.services import cancel, retry, run_here, start
from stateward.operations.jobs.timetable import Slot, take_due
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow
from tests.factories.jobs import carry, open_row, run_row, runs_of
from tests.factories.tenants import make_tenant


@pytest.fixture
def name(database: None) -> Iterator[str]:
    """A job of this test's own, per tenant."""
    name = f"probe_{uuid7().hex}"
    registry._jobs[name] = Job(name, name, work, is_per_tenant=True)
    yield name
    del registry._jobs[name]


def work(run: Run) -> Outcome:
    run.progress(1, 1, "working")
    if run.params.get("fails"):
        raise ArithmeticError
    return Outcome({"things": 1}, has_findings=bool(run.params.get("finds")))


def runs_in(tenant: Tenant, name: str, columns: str) -> list[tuple[object, ...]]:
    with scope_of(tenant.id):
        return runs_of(name, columns)


def test_a_run_is_asked_for_with_the_transaction_that_wants_it(
    name: str, broker: redis.Redis
) -> None:
    tenant = make_tenant()

    with transaction.atomic():
        start(name, tenant_id=tenant.id)
        transaction.set_rollback(True)
    undone = runs_in(tenant, name, "state")
    with transaction.atomic():
        run_id = start(name, tenant_id=tenant.id, params={"depth": 3})
        sent_before_commit = broker.llen("stateward")

    assert undone == []
    assert sent_before_commit == 0
    assert broker.llen("stateward") == 1
    assert runs_in(tenant, name, "id, state, params::text") == [(run_id, "queued", '{"depth": 3}')]


def test_a_run_is_asked_for_while_the_broker_is_away(
    name: str, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent later: the row is what counts."""

    def down(*args: object, **kwargs: object) -> None:
        raise OperationalError

    monkeypatch.setattr("stateward.operations.jobs.sending.app.send_task", down)

    run_id = start(name, tenant_id=None)

    due = run_flow(take_due([], [name], again_after=timedelta(0)))
    assert [one.run_id for one in due] == [run_id]


def test_nobody_asks_for_a_job_there_is_not(database: None) -> None:
    with pytest.raises(LookupError):
        start("no_such_job", tenant_id=None)


def test_a_flushed_broker_loses_no_run(name: str, broker: redis.Redis) -> None:
    run_id = start(name, tenant_id=make_tenant().id)
    broker.flushall()

    due = run_flow(take_due([], [name], again_after=timedelta(0)))

    assert [one.run_id for one in due] == [run_id]


def test_a_queued_run_is_cancelled_at_once(name: str, broker: redis.Redis) -> None:
    tenant = make_tenant()
    run_id = start(name, tenant_id=tenant.id)

    assert cancel(run_id, tenant_id=tenant.id) == "cancelled"

    assert run_row(run_id, "state, finished_at IS NOT NULL", tenant.id) == ("cancelled", True)
    assert not carry(run_id, work)
    with pytest.raises(AlreadyOver):
        cancel(run_id, tenant_id=tenant.id)


def test_a_run_of_another_tenant_cannot_be_cancelled(name: str, broker: redis.Redis) -> None:
    run_id = start(name, tenant_id=make_tenant().id)

    for other in (make_tenant().id, None):
        with pytest.raises(NoSuchRun):
            cancel(run_id, tenant_id=other)
        with pytest.raises(NoSuchRun):
            retry(run_id, tenant_id=other)
    assert open_row(run_id, "is_cancelled") == (False,)


def test_what_cannot_be_stopped_says_so(name: str, broker: redis.Redis) -> None:
    registry._jobs[name] = Job(name, name, work, is_cancellable=False)
    run_id = start(name, tenant_id=None)

    with Lease() as lease:
        lease.take(run_id)
        with pytest.raises(CannotStop):
            cancel(run_id, tenant_id=None)


def test_a_failed_run_is_tried_again_as_a_new_one(name: str, broker: redis.Redis) -> None:
    tenant = make_tenant()
    run_id = start(name, tenant_id=tenant.id, params={"fails": True})
    with pytest.raises(NotOver):
        retry(run_id, tenant_id=tenant.id)
    carry(run_id, work)

    again = retry(run_id, tenant_id=tenant.id)

    columns = "state, retry_of, params::text"
    assert run_row(again, columns, tenant.id) == ("queued", run_id, '{"fails": true}')
    assert run_row(run_id, "state", tenant.id) == ("failed",)


def test_what_was_done_is_not_tried_again(name: str, broker: redis.Redis) -> None:
    run_id = start(name, tenant_id=None)
    carry(run_id, work)

    with pytest.raises(NotOver):
        retry(run_id, tenant_id=None)


def test_a_command_carries_its_run_out_and_hears_of_it(name: str) -> None:
    tenant = make_tenant()

    outcome = run_here(name, tenant_id=tenant.id, params={"finds": True})

    assert outcome == Outcome({"things": 1}, has_findings=True)
    assert runs_in(tenant, name, "state, has_findings, attempts") == [("done", True, 1)]


def test_a_command_hears_of_a_failure(name: str) -> None:
    tenant = make_tenant()

    with pytest.raises(ArithmeticError):
        run_here(name, tenant_id=tenant.id, params={"fails": True})

    assert runs_in(tenant, name, "state") == [("failed",)]


def test_a_command_that_is_interrupted_leaves_a_cancelled_run(name: str) -> None:
    def interrupted(run: Run) -> Outcome:
        raise KeyboardInterrupt

    registry._jobs[name] = Job(name, name, interrupted)

    with pytest.raises(KeyboardInterrupt):
        run_here(name, tenant_id=None)

    assert runs_of(name, "state") == [("cancelled",)]


# --- one slot, many tenants


def own_runs(tenant: Tenant, name: str) -> list[tuple[object, ...]]:
    """State, and whether it stands for a slot, of the tenant's own runs."""
    rows = runs_in(tenant, name, "tenant_id, state, slot IS NOT NULL")
    return [row[1:] for row in rows if row[0] == tenant.id]


def test_a_slot_of_tenants_starts_a_run_for_each_once(name: str, broker: redis.Redis) -> None:
    tenants = [make_tenant(), make_tenant()]
    closed = make_tenant()
    Tenant.objects.filter(id=closed.id).update(status=Tenant.Status.CLOSED)
    slot = Slot(name, every=timedelta(days=3650))
    (due,) = run_flow(take_due([slot]))

    assert carry(due.run_id, work, is_per_tenant=True)
    assert not carry(due.run_id, work, is_per_tenant=True)

    for tenant in tenants:
        assert own_runs(tenant, name) == [("queued", True)]
    assert own_runs(closed, name) == []
    result = run_row(due.run_id, "(result ->> 'tenants')::int >= 2, state")
    assert result == (True, "done")


def test_a_tenant_whose_last_run_is_not_over_is_left_out(name: str, broker: redis.Redis) -> None:
    tenant = make_tenant()
    start(name, tenant_id=tenant.id)
    (due,) = run_flow(take_due([Slot(name, every=timedelta(days=3650))]))

    carry(due.run_id, work, is_per_tenant=True)

    assert own_runs(tenant, name) == [("queued", False)]


def test_a_fan_out_that_was_killed_in_the_middle_is_finished_by_the_next(
    name: str, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = [make_tenant(), make_tenant()]
    (due,) = run_flow(take_due([Slot(name, every=timedelta(days=3650))]))
    sent: list[UUID] = []

    def die(job: str, run_id: UUID) -> None:
        sent.append(run_id)
        raise SystemExit

    monkeypatch.setattr("stateward.operations.jobs.fanning.send", die)
    with pytest.raises(SystemExit):
        carry(due.run_id, work, is_per_tenant=True)
    monkeypatch.undo()

    assert carry(due.run_id, work, is_per_tenant=True)

    for tenant in tenants:
        assert own_runs(tenant, name) == [("queued", True)]
