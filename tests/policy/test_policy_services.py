"""Making, activating and undoing policies, in one transaction with the epoch and the record."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection

from governance.policies import services
from governance.policies.exceptions import (
    NothingToRollBackTo,
    PolicyNameTaken,
    SameText,
    TooManyStatements,
)
from governance.policies.queries import readable_policies, readable_policy
from governance.policies.services import (
    activate,
    add_version,
    create_policy,
    deactivate,
    roll_back,
)
from stateward.gate.policy.decide import decide
from stateward.gate.policy.exceptions import Denied, InvalidPolicy, NotDelegated
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.models import Policy, PolicyActivation
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound, Unprocessable
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Epoch, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.tenants import make_tenant

pytestmark = pytest.mark.usefixtures("database")

CALL = Call(request_id="r-1", source_address="192.0.2.1")
FORBID_ALL = "forbid (principal, action, resource);"
FORBID_WRITES = 'forbid (principal, action == Action::"state.write", resource);'
NOTE = Resource("entry", "notes/plan", {"name": "notes", "classification": "internal"})


@pytest.fixture
def tenant(database: None) -> Tenant:
    return make_tenant()


def member(tenant: Tenant, *roles: str) -> Actor:
    return Actor("member", uuid7(), "Ann", tenant.id, tenant.slug, roles, auth_method="session")


@pytest.fixture
def owner(tenant: Tenant) -> Actor:
    return member(tenant, "owner")


def writer(tenant: Tenant) -> Actor:
    return Actor("agent", uuid7(), "booker", tenant.id, tenant.slug, ("writer",))


def may_write(tenant: Tenant) -> bool:
    with tenant_scope(tenant.id):
        book = run_flow(current_policies(tenant.id))
    return decide(book, writer(tenant), "state.write", NOTE).allowed


def epoch(tenant: Tenant) -> int:
    return Epoch.objects.get(tenant_id=tenant.id).epoch


def records(tenant: Tenant) -> list[tuple[str, str]]:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, outcome FROM stateward_audit_record WHERE tenant_id = %s ORDER BY seq",
            (tenant.id,),
        )
        return cursor.fetchall()


def make(owner: Actor, text: str = FORBID_WRITES, name: str = "no-writes") -> Policy:
    return create_policy(owner, CALL, name=name, text=text)


def test_a_new_policy_is_not_in_force(tenant: Tenant, owner: Actor) -> None:
    policy = make(owner)

    assert (policy.active_version, policy.latest_version) == (None, 1)
    assert may_write(tenant)


def test_activating_puts_it_in_force_and_raises_the_epoch(tenant: Tenant, owner: Actor) -> None:
    policy, before = make(owner), epoch(tenant)

    activated = activate(owner, CALL, policy.id, version=1)

    assert activated.active_version == 1
    assert not may_write(tenant)
    assert epoch(tenant) == before + 1
    assert records(tenant) == [("policy.draft", "allow"), ("policy.activate", "allow")]


def test_activating_what_is_in_force_changes_nothing(tenant: Tenant, owner: Actor) -> None:
    policy = make(owner)
    activate(owner, CALL, policy.id, version=1)
    before = epoch(tenant)

    activate(owner, CALL, policy.id, version=1)

    assert epoch(tenant) == before
    assert len(records(tenant)) == 2


def test_a_newer_version_takes_over_only_when_activated(tenant: Tenant, owner: Actor) -> None:
    policy = make(owner)
    activate(owner, CALL, policy.id, version=1)

    version = add_version(owner, CALL, policy.id, text=FORBID_WRITES.replace("write", "purge"))

    assert version.number == 2
    assert not may_write(tenant)
    activate(owner, CALL, policy.id, version=2)
    assert may_write(tenant)


def test_deactivating_takes_it_out_of_force(tenant: Tenant, owner: Actor) -> None:
    policy = make(owner)
    activate(owner, CALL, policy.id, version=1)

    assert deactivate(owner, CALL, policy.id).active_version is None
    assert may_write(tenant)
    before = epoch(tenant)
    deactivate(owner, CALL, policy.id)
    assert epoch(tenant) == before


def test_rolling_back_returns_to_what_was_in_force_before(tenant: Tenant, owner: Actor) -> None:
    policy = make(owner)
    activate(owner, CALL, policy.id, version=1)
    add_version(owner, CALL, policy.id, text=FORBID_ALL)
    activate(owner, CALL, policy.id, version=2)

    assert roll_back(owner, CALL, policy.id).active_version == 1
    assert roll_back(owner, CALL, policy.id).active_version == 2
    with tenant_scope(tenant.id):
        steps = PolicyActivation.objects.filter(policy=policy).order_by("id")
        assert list(steps.values_list("from_version", "to_version")) == [
            (None, 1), (1, 2), (2, 1), (1, 2),
        ]  # fmt: skip


def test_rolling_back_the_first_activation_takes_it_out_of_force(owner: Actor) -> None:
    policy = make(owner)
    with pytest.raises(NothingToRollBackTo):
        roll_back(owner, CALL, policy.id)
    activate(owner, CALL, policy.id, version=1)

    assert roll_back(owner, CALL, policy.id).active_version is None


def test_nobody_is_locked_out_for_good(tenant: Tenant, owner: Actor) -> None:
    """F63: whoever forbids everything to everybody, an owner undoes it by the ordinary way."""
    policy = make(owner, FORBID_ALL)
    activate(owner, CALL, policy.id, version=1)
    admin = member(tenant, "admin")

    with pytest.raises(Denied):
        make(owner, name="another")
    with pytest.raises(NotFound):
        deactivate(admin, CALL, policy.id)
    with tenant_scope(tenant.id):
        found, _ = readable_policies(owner, CALL, after=None, limit=10)
    assert [one.id for one in found] == [policy.id]
    assert deactivate(owner, CALL, policy.id).active_version is None
    assert make(owner, name="another").name == "another"


@pytest.mark.parametrize(
    ("roles", "drafts", "activates"),
    [
        (("owner",), True, True),
        (("admin",), True, True),
        (("editor",), True, False),
        (("auditor",), False, False),
        (("viewer",), False, False),
        ((), False, False),
    ],
)
def test_roles_decide_who_drafts_and_who_activates(
    tenant: Tenant, owner: Actor, roles: tuple[str, ...], drafts: bool, activates: bool
) -> None:
    policy, actor = make(owner), member(tenant, *roles)

    assert _is_done(lambda: make(actor, name="mine")) is drafts
    assert _is_done(lambda: activate(actor, CALL, policy.id, version=1)) is activates
    assert _is_done(lambda: roll_back(actor, CALL, policy.id)) is activates


def _is_done(act: Callable[[], object]) -> bool:
    try:
        act()
    except (Denied, NotFound):
        return False
    return True


def test_an_invalid_text_is_refused_with_every_place(owner: Actor) -> None:
    text = (
        "permit (principal, action, resource)\nwhen { resource.colour == 1 };\nforbid (principal);"
    )

    with pytest.raises(InvalidPolicy) as refused:
        make(owner, text)
    [fault] = refused.value.errors
    assert fault.pointer == "/text"
    assert "Line 3" in refused.value.detail
    with pytest.raises(InvalidPolicy):
        add_version(owner, CALL, make(owner).id, text="permit (")


@pytest.mark.parametrize("name", ["", " x", "x ", "a/b", "é", "x" * 101, "a\nb", "a@2"])
def test_a_name_that_would_not_read_well_in_a_record_is_refused(owner: Actor, name: str) -> None:
    with pytest.raises(Unprocessable):
        make(owner, name=name)


def test_a_name_is_taken_once(owner: Actor) -> None:
    make(owner)

    with pytest.raises(PolicyNameTaken):
        make(owner)


def test_the_same_text_again_is_no_version(owner: Actor) -> None:
    policy = make(owner)

    with pytest.raises(SameText):
        add_version(owner, CALL, policy.id, text=FORBID_WRITES)


def test_long_notes_are_refused(owner: Actor) -> None:
    policy = make(owner)

    with pytest.raises(Unprocessable, match="note"):
        add_version(owner, CALL, policy.id, text=FORBID_ALL, note="x" * 2001)


def test_only_a_version_there_is_can_be_activated(owner: Actor) -> None:
    policy = make(owner)

    with pytest.raises(Unprocessable, match="versions 1 to 1"):
        activate(owner, CALL, policy.id, version=2)


def test_no_more_statements_than_the_cap_come_into_force(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_SET", 2)
    first, second = make(owner, FORBID_WRITES * 2, "two"), make(owner, FORBID_WRITES, "one")
    activate(owner, CALL, first.id, version=1)

    with pytest.raises(TooManyStatements):
        activate(owner, CALL, second.id, version=1)
    assert Epoch.objects.filter(tenant_id=owner.tenant_id).exists()
    with tenant_scope(owner.tenant_id):
        assert Policy.objects.get(id=second.id).active_version is None


def test_another_tenants_policy_is_not_there(owner: Actor) -> None:
    policy = make(owner)
    other = make_tenant()
    stranger = member(other, "owner")

    for act in (
        lambda: activate(stranger, CALL, policy.id, version=1),
        lambda: deactivate(stranger, CALL, policy.id),
        lambda: roll_back(stranger, CALL, policy.id),
        lambda: add_version(stranger, CALL, policy.id, text=FORBID_ALL),
        lambda: _read(stranger, policy.id),
    ):
        with pytest.raises(NotFound):
            act()


def _read(actor: Actor, policy_id: UUID) -> Policy:
    with tenant_scope(actor.tenant_id):
        return readable_policy(actor, CALL, policy_id)


def test_a_list_shows_exactly_what_single_reads_do(tenant: Tenant, owner: Actor) -> None:
    viewer = member(tenant, "viewer")
    policies = [make(owner, name=f"p{number}") for number in range(5)]
    hidden = make(
        owner,
        'forbid (principal in Role::"viewer", action == Action::"policy.read", resource is Policy)'
        ' when { resource.name == "p1" || resource.name == "hide" };',
        name="hide",
    )
    activate(owner, CALL, hidden.id, version=1)

    with tenant_scope(tenant.id):
        first, after = readable_policies(viewer, CALL, after=None, limit=2)
        second, end = readable_policies(viewer, CALL, after=after, limit=2)

    assert [policy.name for policy in (*first, *second)] == ["p0", "p2", "p3", "p4"]
    assert end is None
    for policy in (*policies, hidden):
        seen = _is_done(lambda policy=policy: _read(viewer, policy.id))
        assert seen is (policy.name not in {"p1", "hide"})


def test_who_may_read_no_policy_at_all_is_told_so(tenant: Tenant, owner: Actor) -> None:
    make(owner)

    with tenant_scope(tenant.id), pytest.raises(Denied):
        readable_policies(writer(tenant), CALL, after=None, limit=2)


def test_acting_for_somebody_who_has_not_delegated_is_refused(owner: Actor) -> None:
    call = Call(request_id="r-2", on_behalf_of=f"member:{uuid7()}")

    with pytest.raises(NotDelegated):
        create_policy(owner, call, name="x", text=FORBID_ALL)
