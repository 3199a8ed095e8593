"""What a grant is about and to whom it is given, found by the ids people use.

Whoever may not know of a thing is told the same as of one that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.grants.models import Group, GroupMember
from governance.grants.words import OBJECT_TYPES, PRINCIPAL_TYPES, ObjectType, PrincipalType
from governance.people.rules import unfit
from governance.people.services import agents
from governance.policies import acts as policies
from stateward.gate.policy.models import Policy
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.state.models import Namespace
from stateward.state.naming import is_namespace_name
from stateward.state.services import namespaces
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Agent, Member, Tenant

# What one needs to know that such a thing exists.
KNOWN_BY: dict[ObjectType, str] = {
    "tenant": "tenant.read",
    "namespace": "namespace.read",
    "agent": "agent.read",
    "policy": "policy.read",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Something a grant can be about. ``place`` says in which tables its grants lie."""

    kind: ObjectType
    id: str  # as decisions name it
    name: str
    place: str
    row: Any = field(compare=False)  # None: a branch whose row is made with its first grant
    resource: Resource = field(compare=False)

    @property
    def known_by(self) -> str:
        return KNOWN_BY[self.kind]


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody a grant can be given to."""

    kind: PrincipalType
    id: UUID
    name: str
    row: Any = field(compare=False)


def find_target(tenant_id: UUID, slug: str, kind: str, name: str) -> Target:
    """NotFound (404) if there is none; whether the caller may know of it is asked next."""
    match kind:
        case "tenant":
            return _tenant(tenant_id, slug, name)
        case "namespace":
            return _namespace(tenant_id, name)
        case "agent":
            agent = _row(Agent.objects.filter(tenant_id=tenant_id), name)
            about = agents.resource_of(agent)
            return Target("agent", str(agent.id), agent.name, "agent", agent, about)
        case "policy":
            policy = _row(Policy.objects.filter(tenant_id=tenant_id), name)
            about = policies.resource_of(policy)
            return Target("policy", str(policy.id), policy.name, "policy", policy, about)
    raise unfit("object/type", f"one of {', '.join(OBJECT_TYPES)}")


def _tenant(tenant_id: UUID, slug: str, name: str) -> Target:
    if name not in (slug, str(tenant_id)):
        raise NotFound
    tenant = Tenant.objects.get(id=tenant_id)
    about = Resource("tenant", slug, {"name": slug})
    return Target("tenant", slug, tenant.name, "tenant", tenant, about)


def _namespace(tenant_id: UUID, name: str) -> Target:
    """A namespace, or a name beneath which some lie."""
    if not is_namespace_name(name):
        raise NotFound
    found = Namespace.objects.filter(tenant_id=tenant_id, deleted_at=None, name=name).first()
    if found is not None:
        about = namespaces.resource_of(found)
        return Target("namespace", name, name, "namespace", found, about)
    if not namespaces_at(tenant_id, name).exists():
        raise NotFound
    about = Resource("namespace", name, {"name": name})
    return Target("namespace", name, name, "branch", None, about)


def namespaces_at(tenant_id: UUID, name: str) -> QuerySet[Namespace, Namespace]:
    """The namespace called so and all beneath it."""
    here = Q(name=name) | Q(name__startswith=f"{name}.")
    return Namespace.objects.filter(here, tenant_id=tenant_id, deleted_at=None)


def find_principal(tenant_id: UUID, kind: str, name: str) -> Principal:
    """NotFound (404) if there is none, another tenant's among them."""
    match kind:
        case "member":
            rows = Member.objects.filter(tenant_id=tenant_id).select_related("person")
            member = _row(rows, name)
            return Principal("member", member.id, str(member.person), member)
        case "agent":
            agent = _row(Agent.objects.filter(tenant_id=tenant_id), name)
            return Principal("agent", agent.id, agent.name, agent)
        case "group":
            group = _row(Group.objects.filter(tenant_id=tenant_id), name)
            return Principal("group", group.id, group.name, group)
    raise unfit("principal/type", f"one of {', '.join(PRINCIPAL_TYPES)}")


def is_oneself(actor: Actor, principal: Principal) -> bool:
    """Whether what the principal is given, the actor has."""
    if principal.kind == "group":
        return is_in(actor, [principal.id])
    return (principal.kind, principal.id) == (actor.type, actor.id)


def is_in(actor: Actor, groups: Iterable[UUID]) -> bool:
    return GroupMember.objects.filter(
        tenant_id=actor.tenant_id, member_id=actor.id, group_id__in=list(groups)
    ).exists()


def _row(rows: Any, name: str) -> Any:
    try:
        found = rows.filter(id=UUID(name)).first()
    except ValueError:
        raise NotFound from None
    if found is None:
        raise NotFound
    return found
