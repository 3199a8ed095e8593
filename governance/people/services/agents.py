"""Agents: registered, described, paused, resumed, retired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from governance.people.acts import judge, permit, record
from governance.people.exceptions import AgentRetired, NameTaken
from governance.people.queries import working_credentials
from governance.people.rules import check_may_give, check_risk_class, check_roles, unfit
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import AGENT_ROLES, Agent, Member

DESCRIBED = ("name", "framework", "team", "environment", "risk_class", "purpose")


def create_agent(*, actor: Actor, call: Call, fields: Mapping[str, Any]) -> Agent:
    """Register an agent: ``name``, ``roles`` and, where known, its attributes and ``owner`` (a
    member's id).
    """
    agent = Agent(tenant_id=actor.tenant_id, roles=[])
    _apply(agent, fields)
    check_roles(agent.roles, AGENT_ROLES)
    check_may_give(actor, agent.roles)
    decision = permit(actor, call, "agent.manage", resource_of(agent), roles=agent.roles)
    _save(agent, force_insert=True)
    details = {"name": agent.name, "roles": agent.roles}
    record(
        actor,
        call,
        "agent.manage",
        "agent.created",
        about=resource_of(agent),
        decision=decision,
        details=details,
    )
    agent.refresh_from_db()
    return agent


def change_agent(*, actor: Actor, call: Call, agent_id: UUID, fields: Mapping[str, Any]) -> Agent:
    """Change what is told of an agent, or its roles. Must be allowed for it as it was and as it
    becomes.
    """
    agent, _ = _managed(actor, call, agent_id)
    before = list(agent.roles)
    _apply(agent, fields)
    given = None
    if set(agent.roles) != set(before):
        check_roles(agent.roles, AGENT_ROLES)
        check_may_give(actor, {*agent.roles, *before})
        given = agent.roles
    decision = permit(actor, call, "agent.manage", resource_of(agent), roles=given)
    _save(agent)
    details = {"changed": sorted(fields), "roles_before": before, "roles": agent.roles}
    _record(actor, call, "agent.changed", agent, decision=decision, details=details)
    return agent


def pause_agent(*, actor: Actor, call: Call, agent_id: UUID, reason: str = "") -> Agent:
    """Refuse every call of an agent, from its next one on, until someone resumes it."""
    return _turn(actor, call, agent_id, Agent.Status.PAUSED, event="agent.paused", reason=reason)


def resume_agent(*, actor: Actor, call: Call, agent_id: UUID) -> Agent:
    return _turn(actor, call, agent_id, Agent.Status.ACTIVE, event="agent.resumed")


def retire_agent(*, actor: Actor, call: Call, agent_id: UUID) -> Agent:
    """End an agent for good and revoke its keys. Its row and what it wrote stay."""
    agent = _turn(actor, call, agent_id, Agent.Status.RETIRED, event="agent.retired")
    working_credentials(actor.tenant_id).filter(agent=agent).update(revoked_at=Now())
    return agent


def find_agent(actor: Actor, call: Call, agent_id: UUID) -> Agent:
    """One agent, if the caller may know of it; else NotFound."""
    agent = Agent.objects.filter(tenant_id=actor.tenant_id, id=agent_id).first()
    if agent is None:
        raise NotFound
    permit(actor, call, "agent.read", resource_of(agent), known_by="agent.read")
    return agent


def readable_agents(
    actor: Actor, call: Call, rows: QuerySet[Agent, Agent], *, limit: int
) -> tuple[list[Agent], bool]:
    """The first ``limit`` of ``rows`` the caller may read, and whether there are more.

    Denied (403) where there are none and the caller may read agents in general neither.
    """
    may = judge(actor, call)
    found: list[Agent] = []
    for agent in rows.iterator(chunk_size=limit + 1):
        if not may("agent.read", resource_of(agent)):
            continue
        if len(found) == limit:
            return found, True
        found.append(agent)
    if not found:
        permit(actor, call, "agent.read", Resource("agent", ""))
    return found, False


def resource_of(agent: Agent) -> Resource:
    about: dict[str, Any] = {name: getattr(agent, name) for name in DESCRIBED}
    about |= {"owner": str(agent.owner_id or ""), "roles": list(agent.roles)}
    return Resource("agent", str(agent.id), about)


def _turn(
    actor: Actor, call: Call, agent_id: UUID, status: Agent.Status, *, event: str, reason: str = ""
) -> Agent:
    agent, decision = _managed(actor, call, agent_id)
    before, agent.status = agent.status, status
    agent.save(update_fields=["status"])
    details = {"before": before, "reason": reason}
    _record(actor, call, event, agent, decision=decision, details=details)
    return agent


def _managed(actor: Actor, call: Call, agent_id: UUID) -> tuple[Agent, Decision | None]:
    found = Agent.objects.select_for_update(of=("self",))
    agent = found.filter(tenant_id=actor.tenant_id, id=agent_id).first()
    if agent is None:
        raise NotFound
    decision = permit(actor, call, "agent.manage", resource_of(agent), known_by="agent.read")
    if agent.status == Agent.Status.RETIRED:
        raise AgentRetired
    return agent, decision


def _apply(agent: Agent, fields: Mapping[str, Any]) -> None:
    for name in DESCRIBED:
        if name in fields:
            setattr(agent, name, fields[name])
    if "roles" in fields:
        agent.roles = sorted(set(fields["roles"]))
    if "owner" in fields:
        agent.owner_id = _owner(agent.tenant_id, fields["owner"])
    check_risk_class(agent.risk_class)


def _owner(tenant_id: UUID, member_id: UUID | None) -> UUID | None:
    if member_id is None:
        return None
    if not Member.objects.filter(tenant_id=tenant_id, id=member_id).exists():
        raise unfit("owner", "not a member of this tenant")
    return member_id


def _save(agent: Agent, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            agent.save(force_insert=force_insert)
    except IntegrityError:
        raise NameTaken from None


def _record(
    actor: Actor,
    call: Call,
    event: str,
    agent: Agent,
    *,
    decision: Decision | None,
    details: Mapping[str, Any],
) -> None:
    about = resource_of(agent)
    record(actor, call, "agent.manage", event, about=about, decision=decision, details=details)
