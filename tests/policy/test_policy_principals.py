"""Principals asked about, and those somebody acts for."""

from __future__ import annotations

import pytest

from stateward.gate.policy.decide import decide
from stateward.gate.policy.exceptions import NotDelegated
from stateward.gate.policy.load import load_policies
from stateward.gate.policy.principals import load_delegator, load_principal
from stateward.gate.policy.requests import Resource, call_context
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent, Member, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.tenants import make_agent, make_member, make_tenant

pytestmark = pytest.mark.usefixtures("database")

NOTE = Resource("entry", "notes/a", {"name": "notes", "classification": "internal"})


@pytest.fixture
def tenant(database: None) -> Tenant:
    return make_tenant()


def load(tenant: Tenant, kind: str, name: object) -> Actor | None:
    with tenant_scope(tenant.id):
        return run_flow(load_principal(tenant.id, kind, str(name)))


def delegator(agent: Actor, named: str | None) -> Actor | None:
    with tenant_scope(agent.tenant_id):
        return run_flow(load_delegator(agent, Call(request_id="r", on_behalf_of=named)))


def actor(tenant: Tenant, row: Agent | Member) -> Actor:
    found = load(tenant, "agent" if isinstance(row, Agent) else "member", row.id)
    assert found is not None
    return found


def test_an_agent_is_loaded_with_what_policies_read(tenant: Tenant) -> None:
    member = make_member(tenant, "editor")
    agent = actor(tenant, make_agent(tenant, "writer", team="desk", owner=member))

    assert agent.roles == ("writer",)
    assert agent.attributes["team"] == "desk"
    assert agent.attributes["owner"] == str(member.id)
    assert agent.scopes is None


def test_a_paused_agent_and_a_suspended_member_are_allowed_nothing(tenant: Tenant) -> None:
    agent = actor(tenant, make_agent(tenant, "writer", status="paused"))
    member = actor(tenant, make_member(tenant, "owner", is_active=False))
    with tenant_scope(tenant.id):
        book = run_flow(load_policies(tenant.id))

    for one in (agent, member):
        assert decide(book, one, "state.write", NOTE).code == "principal_inactive"


def test_who_is_not_there_is_not_loaded(tenant: Tenant) -> None:
    foreign = make_agent(make_tenant())

    for kind, name in (
        ("agent", uuid7()), ("member", uuid7()), ("agent", "x"), ("role", uuid7()),
        ("agent", foreign.id),
    ):  # fmt: skip
        assert load(tenant, kind, name) is None


def test_an_agent_acts_for_its_owner_with_what_both_may(tenant: Tenant) -> None:
    owner = make_member(tenant, "viewer")
    agent = actor(tenant, make_agent(tenant, "writer", owner=owner))
    with tenant_scope(tenant.id):
        book = run_flow(load_policies(tenant.id))

    for named in (f"member:{owner.id}", str(owner.id)):
        found = delegator(agent, named)
        context = call_context(Call(request_id="r", on_behalf_of=named))
        assert found is not None
        assert decide(book, agent, "state.read_value", NOTE, context, delegator=found).allowed
        assert not decide(book, agent, "state.write", NOTE, context, delegator=found).allowed
    assert delegator(agent, None) is None


def test_nobody_acts_for_anybody_else(tenant: Tenant) -> None:
    """F66: another member, one of another tenant, nobody, an agent; nor does a member."""
    owner, other = make_member(tenant, "owner"), make_member(tenant, "owner")
    stranger = make_member(make_tenant(), "owner")
    agent = actor(tenant, make_agent(tenant, "writer", owner=owner))
    free = actor(tenant, make_agent(tenant, "writer"))

    for one, named in (
        (agent, f"member:{other.id}"),
        (agent, f"member:{stranger.id}"),
        (agent, f"member:{uuid7()}"),
        (agent, f"agent:{owner.id}"),
        (agent, "everybody"),
        (free, f"member:{owner.id}"),
        (actor(tenant, owner), f"member:{owner.id}"),
    ):
        with pytest.raises(NotDelegated) as refused:
            delegator(one, named)
        assert refused.value.status == 403


def test_an_owner_who_is_gone_delegates_no_longer(tenant: Tenant) -> None:
    agent = Actor(
        "agent", uuid7(), "a", tenant.id, tenant.slug, ("writer",), {"owner": str(uuid7())}
    )

    with pytest.raises(NotDelegated):
        delegator(agent, agent.attributes["owner"])
