"""Principals other than the caller: those asked about, and those somebody acts for."""

from __future__ import annotations

from uuid import UUID

from stateward.gate.policy.exceptions import NotDelegated
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.actors import Actor, Call

_AGENT = """
SELECT t.slug, a.name, a.roles, a.status, a.framework, a.team, a.environment, a.risk_class,
       a.owner_id, a.purpose
FROM stateward_agent a JOIN stateward_tenant t ON t.id = a.tenant_id
WHERE a.tenant_id = %s AND a.id = %s
"""
_MEMBER = """
SELECT t.slug, p.name, p.email, m.roles, m.is_active AND p.is_active
FROM stateward_member m
JOIN stateward_tenant t ON t.id = m.tenant_id
JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s AND m.id = %s
"""


def load_principal(tenant_id: UUID, kind: str, principal_id: str) -> Flow[Actor | None]:
    """The agent or member as decisions see them, without any credential; None if there is none."""
    try:
        wanted = UUID(principal_id)
    except ValueError:
        return None
    if kind == "agent":
        return (yield from _agent(tenant_id, wanted))
    if kind == "member":
        return (yield from _member(tenant_id, wanted))
    return None


def load_delegator(actor: Actor, call: Call) -> Flow[Actor | None]:
    """Whom the call acts for, to be given to ``decide``; None if it names nobody.

    An agent may act for the member who owns it, and for no one else; NotDelegated (403) says the
    same of a member who has not delegated as of one who does not exist.
    """
    if not call.on_behalf_of:
        return None
    kind, _, name = call.on_behalf_of.rpartition(":")
    owner = actor.attributes.get("owner")
    if actor.type != "agent" or kind not in {"", "member"} or not owner or name != owner:
        raise NotDelegated
    delegator = yield from load_principal(actor.tenant_id, "member", name)
    if delegator is None:
        raise NotDelegated
    return delegator


def _agent(tenant_id: UUID, agent_id: UUID) -> Flow[Actor | None]:
    rows = yield Statement(_AGENT, (tenant_id, agent_id))
    if not rows:
        return None
    slug, name, roles, status, framework, team, environment, risk_class, owner, purpose = rows[0]
    attributes = {
        "status": status,
        "framework": framework,
        "team": team,
        "environment": environment,
        "risk_class": risk_class,
        "owner": str(owner or ""),
        "purpose": purpose,
    }
    return Actor("agent", agent_id, name, tenant_id, slug, tuple(roles), attributes)


def _member(tenant_id: UUID, member_id: UUID) -> Flow[Actor | None]:
    rows = yield Statement(_MEMBER, (tenant_id, member_id))
    if not rows:
        return None
    slug, name, email, roles, is_active = rows[0]
    return Actor(
        "member",
        member_id,
        name or email,
        tenant_id,
        slug,
        tuple(roles),
        {"email": email, "status": "active" if is_active else "disabled"},
        auth_method="session",
    )
