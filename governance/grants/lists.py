"""Lists that show exactly what single reads would: of grants, and of what a principal can touch."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from governance.grants.acts import giver
from governance.grants.holding import Giver
from governance.grants.models import Grant
from governance.grants.objects import Target, find_principal, find_target
from governance.grants.queries import newest
from governance.people.services.agents import resource_of as agent_resource
from governance.policies.acts import resource_of as policy_resource
from stateward.gate.policy.models import Policy
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.state.models import Namespace
from stateward.state.services.namespaces import resource_of as namespace_resource
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent

_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Filter:
    principal: tuple[str, str] | None = None  # type and id
    object: tuple[str, str] | None = None
    before: UUID | None = None


def readable_grants(
    actor: Actor, call: Call, wanted: Filter, *, limit: int
) -> tuple[list[Grant], UUID | None]:
    """Up to ``limit`` grants the caller may read, newest first, and the id to go on before.

    Who may read them of the whole tenant needs no look at each object; else those objects are
    looked up together, and each is decided.
    """
    by = giver(actor, call)
    rows = Grant.objects.filter(tenant_id=actor.tenant_id)
    if wanted.principal is not None:
        principal = find_principal(actor.tenant_id, *wanted.principal)
        rows = rows.filter(principal_type=principal.kind, principal_id=principal.id)
    if wanted.object is not None:
        target = find_target(actor.tenant_id, actor.tenant_slug, *wanted.object)
        by.require("grant.read", target.resource, known_by=target.known_by)
        rows = rows.filter(object_type=target.kind, object_id=target.id)
    found: list[Grant] = []
    before = wanted.before
    while True:
        batch = rows.filter(id__lt=before) if before is not None else rows
        looked = newest(actor.tenant_id, batch, _LOOKED_AT)
        for grant in _readable(by, looked):
            if len(found) == limit:
                return found, found[-1].id
            found.append(grant)
        if len(looked) < _LOOKED_AT:
            break
        before = looked[-1].id
    if not found and wanted.before is None and wanted.object is None:
        # An empty list says nothing of why.
        by.require("grant.read", _tenant(actor))
    return found, None


def _readable(by: Giver, grants: list[Grant]) -> list[Grant]:
    objects = _objects(by.actor, {(one.object_type, one.object_id) for one in grants})
    known = {key: by.may("grant.read", about) for key, about in objects.items()}
    return [one for one in grants if known.get((one.object_type, one.object_id))]


def _objects(actor: Actor, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Resource]:
    """Each object as decisions see it: one query a kind, whatever their number."""
    ids: dict[str, list[str]] = {}
    for kind, name in wanted:
        ids.setdefault(kind, []).append(name)
    tenant_id = actor.tenant_id
    found = {("tenant", actor.tenant_slug): _tenant(actor)}
    # A branch has no row: it is decided about by its name alone.
    for name in ids.get("namespace", ()):
        found["namespace", name] = Resource("namespace", name, {"name": name})
    if "namespace" in ids:
        rows = Namespace.objects.filter(
            tenant_id=tenant_id, deleted_at=None, name__in=ids["namespace"]
        )
        found |= {("namespace", row.name): namespace_resource(row) for row in rows}
    if "agent" in ids:
        agents = Agent.objects.filter(tenant_id=tenant_id, id__in=ids["agent"])
        found |= {("agent", str(row.id)): agent_resource(row) for row in agents}
    if "policy" in ids:
        policies = Policy.objects.filter(tenant_id=tenant_id, id__in=ids["policy"])
        found |= {("policy", str(row.id)): policy_resource(row) for row in policies}
    return found


def _tenant(actor: Actor) -> Resource:
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def known_objects(
    by: Giver, kind: str, *, after: str, limit: int
) -> tuple[list[Target], str | None]:
    """Up to ``limit`` objects of a kind that the asker may know of, and where to go on."""
    if kind == "tenant":
        actor = by.actor
        target = find_target(actor.tenant_id, actor.tenant_slug, "tenant", actor.tenant_slug)
        return [target] if by.may(target.known_by, target.resource) else [], None
    found: list[Target] = []
    while True:
        batch = _batch(by.actor.tenant_id, kind, after)
        for target in batch:
            if not by.may(target.known_by, target.resource):
                continue
            if len(found) == limit:
                return found, found[-1].id
            found.append(target)
        if len(batch) < _LOOKED_AT:
            return found, None
        after = batch[-1].id


def _batch(tenant_id: UUID, kind: str, after: str) -> list[Target]:
    match kind:
        case "namespace":
            names = Namespace.objects.filter(tenant_id=tenant_id, deleted_at=None, name__gt=after)
            return [
                Target("namespace", row.name, row.name, "namespace", row, namespace_resource(row))
                for row in names.order_by("name").defer("schema")[:_LOOKED_AT]
            ]
        case "agent":
            agents = Agent.objects.filter(tenant_id=tenant_id, id__gt=after or UUID(int=0))
            return [
                Target("agent", str(row.id), row.name, "agent", row, agent_resource(row))
                for row in agents.order_by("id")[:_LOOKED_AT]
            ]
        case "policy":
            policies = Policy.objects.filter(tenant_id=tenant_id, id__gt=after or UUID(int=0))
            return [
                Target("policy", str(row.id), row.name, "policy", row, policy_resource(row))
                for row in policies.order_by("id")[:_LOOKED_AT]
            ]
    raise NotFound
