"""The book comes from the database, and is loaded again exactly when a counter has risen."""

from contextlib import nullcontext

import pytest
from django.db import connection, transaction

from stateward.gate.policy import load, snapshots
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies, load_policies, record_snapshots
from stateward.gate.policy.models import Policy, PolicyActivation, PolicyVersion
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import Epoch, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope

pytestmark = pytest.mark.usefixtures("database")

FORBID = 'forbid (principal, action == Action::"state.write", resource);'
RESOURCE = Resource("entry", "notes/plan", {"name": "notes", "classification": "internal"})


@pytest.fixture
def tenant(database: None) -> Tenant:
    tenant = Tenant.objects.create(slug=f"t-{uuid7()}", name="T")
    Epoch.objects.get_or_create(tenant_id=tenant.id)
    return tenant


def writer(tenant: Tenant) -> Actor:
    return Actor("agent", uuid7(), "booker", tenant.id, tenant.slug, ("writer",))


def put_in_force(tenant: Tenant, text: str) -> Policy:
    policy = Policy.objects.create(tenant=tenant, name=f"p-{uuid7()}", active_version=1)
    PolicyVersion.objects.create(
        tenant=tenant, policy=policy, number=1, text=text, sha256="0" * 64, statements=1,
        author_type="member", author_id=uuid7(), author_name="Ann",
    )  # fmt: skip
    bump(tenant.id, "policies")
    return policy


def test_policies_in_force_are_loaded(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        put_in_force(tenant, FORBID)
        book = run_flow(load_policies(tenant.id))

    assert decide(book, writer(tenant), "state.write", RESOURCE).outcome == "deny_forbid"
    assert decide(book, writer(tenant), "state.delete", RESOURCE).allowed


def test_the_book_is_kept_until_a_counter_rises(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        first = run_flow(current_policies(tenant.id))
    with tenant_scope(tenant.id):
        again = run_flow(current_policies(tenant.id))
    with tenant_scope(tenant.id):
        put_in_force(tenant, FORBID)
    with tenant_scope(tenant.id):
        after = run_flow(current_policies(tenant.id))

    assert again is first
    assert after.version != first.version


@pytest.mark.parametrize("nested", [False, True])
def test_rules_of_a_transaction_that_is_undone_are_not_kept(tenant: Tenant, nested: bool) -> None:
    with tenant_scope(tenant.id):
        before = run_flow(current_policies(tenant.id))
    with tenant_scope(tenant.id):
        with transaction.atomic() if nested else nullcontext():
            put_in_force(tenant, FORBID)
        assert run_flow(current_policies(tenant.id)).version != before.version
        transaction.set_rollback(True)
    with tenant_scope(tenant.id):
        put_in_force(tenant, FORBID.replace("write", "delete"))
    with tenant_scope(tenant.id):
        after = run_flow(current_policies(tenant.id))

    assert decide(after, writer(tenant), "state.write", RESOURCE).allowed
    assert not decide(after, writer(tenant), "state.delete", RESOURCE).allowed


def test_a_closed_tenant_is_answered_nothing(tenant: Tenant) -> None:
    Tenant.objects.filter(id=tenant.id).update(status="closed")
    with tenant_scope(tenant.id):
        book = run_flow(load_policies(tenant.id))

    assert decide(book, writer(tenant), "state.write", RESOURCE).code == "tenant_closed"


def test_there_are_no_rules_of_a_tenant_that_is_not_there() -> None:
    with pytest.raises(NotFound):
        run_flow(load_policies(uuid7()))
    with pytest.raises(NotFound):
        run_flow(current_policies(uuid7()))


def stored(tenant: Tenant) -> set[str]:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM stateward_policy_snapshot WHERE tenant_id = %s", (tenant.id,)
        )
        return {digest for (digest,) in cursor.fetchall()}


def test_inputs_are_stored_once_and_then_known(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        book = run_flow(current_policies(tenant.id))
    decision = decide(book, writer(tenant), "state.write", RESOURCE)

    with tenant_scope(tenant.id):
        run_flow(record_snapshots(tenant.id, decision))
    assert len(decision.new_snapshots) == 2  # stored, but by a transaction not yet seen to end
    with tenant_scope(tenant.id):
        run_flow(record_snapshots(tenant.id, decision))

    assert decision.new_snapshots == ()
    assert stored(tenant) == {decision.principal_snapshot, decision.resource_snapshot}
    with tenant_scope(tenant.id):
        run_flow(record_snapshots(tenant.id, decision))  # nothing left to do


def test_inputs_stored_by_a_transaction_that_is_undone_are_stored_again(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        book = run_flow(current_policies(tenant.id))
    decision = decide(book, writer(tenant), "state.write", RESOURCE)

    with tenant_scope(tenant.id):
        run_flow(record_snapshots(tenant.id, decision))
        with transaction.atomic():
            run_flow(record_snapshots(tenant.id, decision))
        transaction.set_rollback(True)
    with tenant_scope(tenant.id):
        run_flow(record_snapshots(tenant.id, decision))

    assert len(stored(tenant)) == 2


def test_another_tenants_inputs_are_not_seen(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug=f"t-{uuid7()}", name="U")
    with tenant_scope(tenant.id):
        decision = decide(run_flow(load_policies(tenant.id)), writer(tenant), "job.read", RESOURCE)
        run_flow(record_snapshots(tenant.id, decision))

    with tenant_scope(other.id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM stateward_policy_snapshot")
        assert cursor.fetchone() == (0,)


def test_what_a_process_remembers_is_bounded(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_MOST_BOOKS", 1)
    monkeypatch.setattr(snapshots, "_MOST_REMEMBERED", 0)
    other = Tenant.objects.create(slug=f"t-{uuid7()}", name="U")
    Epoch.objects.get_or_create(tenant_id=other.id)
    for one in (tenant, other, tenant):
        with tenant_scope(one.id):
            book = run_flow(current_policies(one.id))
            decision = decide(book, writer(one), "state.write", RESOURCE)
            run_flow(record_snapshots(one.id, decision))

    assert len(stored(tenant)) == 3  # a new agent each time, one resource
    assert len(stored(other)) == 2


def test_rows_name_themselves(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        policy = put_in_force(tenant, FORBID)
        version = policy.versions.get()
        step = PolicyActivation(from_version=None, to_version=1)

    assert (str(policy), str(version), str(step)) == (policy.name, "version 1", "None → 1")
