"""Principals other than the caller: those asked about, and those somebody acts for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from stateward.gate.policy.exceptions import NotDelegated
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.actors import Actor, Call

_AGENTS = """
SELECT a.id, t.slug, a.name, a.roles, a.status, a.framework, a.team, a.environment, a.risk_class,
       a.owner_id, a.purpose
FROM stateward_agent a JOIN stateward_tenant t ON t.id = a.tenant_id
WHERE a.tenant_id = %s
"""
_MEMBERS = """
SELECT m.id, t.slug, p.name, p.email, m.roles, m.is_active AND p.is_active
FROM stateward_member m
JOIN stateward_tenant t ON t.id = m.tenant_id
JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s
"""
_FIRST = UUID(int=0)
_TABLES = {"agent": (_AGENTS, "a.id"), "member": (_MEMBERS, "m.id")}


def load_principal(tenant_id: UUID, kind: str, principal_id: str) -> Flow[Actor | None]:
    """The agent or member as decisions see them, without any credential; None if there is none."""
    try:
        wanted = UUID(principal_id)
    except ValueError:
        return None
    found = yield from load_principals(tenant_id, kind, [wanted])
    return found[0] if found else None


def load_principals(tenant_id: UUID, kind: str, ids: Sequence[UUID]) -> Flow[list[Actor]]:
    """Those of the ids that are such principals, in the order of their ids."""
    if kind not in _TABLES:
        return []
    sql, key = _TABLES[kind]
    rows = yield Statement(f"{sql} AND {key} = ANY(%s) ORDER BY {key}", (tenant_id, list(ids)))
    return [_actor(tenant_id, kind, row) for row in rows]


def page_of_principals(
    tenant_id: UUID, kind: Literal["agent", "member"], *, after: UUID | None, limit: int
) -> Flow[list[Actor]]:
    """Up to ``limit`` principals in the order of their ids, those after ``after``."""
    sql, key = _TABLES[kind]
    rows = yield Statement(
        f"{sql} AND {key} > %s ORDER BY {key} LIMIT %s", (tenant_id, after or _FIRST, limit)
    )
    return [_actor(tenant_id, kind, row) for row in rows]


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


def _actor(tenant_id: UUID, kind: str, row: tuple[Any, ...]) -> Actor:
    return _agent(tenant_id, *row) if kind == "agent" else _member(tenant_id, *row)


def _agent(
    tenant_id: UUID, agent_id: UUID, slug: str, name: str, roles: list[str], *rest: Any
) -> Actor:
    status, framework, team, environment, risk_class, owner, purpose = rest
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


def _member(
    tenant_id: UUID, member_id: UUID, slug: str, name: str, email: str, *rest: Any
) -> Actor:
    roles, is_active = rest
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
