"""Questions to the real decision point, for checks that are about rights.

A right is asked about where it would be used: tenant-wide things at the tenant, state at every
namespace. Namespaces that look the same to every policy share the gate's cached decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from uuid import UUID

from governance.compliance.registry import Ground
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.principals import load_principal
from stateward.gate.policy.requests import Decision, Resource
from stateward.gate.policy.vocabulary import ResourceType
from stateward.kernel.ids import uuid7
from stateward.state.models import Namespace
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow

OF_STATE = frozenset({"state", "namespace"})
# What else an action of a family touches; the rest touch the tenant.
TOUCHED: dict[str, ResourceType] = {
    "policy": "policy",
    "hold": "hold",
    "key": "data_key",
    "backup": "backup",
    "audit": "audit_log",
    "agent": "agent",
    "member": "member",
    "credential": "credential",
    "job": "job",
}


class Decisions:
    """One tenant's rules and namespaces as they are now. In its scope."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.book = run_flow(current_policies(ground.tenant_id))

    @cached_property
    def namespaces(self) -> list[Namespace]:
        found = Namespace.objects.filter(tenant_id=self.ground.tenant_id, deleted_at__isnull=True)
        return list(found.order_by("id"))

    def principal(self, kind: str, principal_id: UUID) -> Actor | None:
        """A member or agent with the most it can have: signed in with a second factor."""
        found = run_flow(load_principal(self.ground.tenant_id, kind, str(principal_id)))
        return replace(found, mfa=True) if found is not None else None

    def decide(self, actor: Actor, action: str, resource: Resource) -> Decision:
        return decide(self.book, actor, action, resource)

    def may_somewhere(self, actor: Actor, action: str) -> bool:
        """Whether there is anything to which the actor may do it."""
        return any(
            self.decide(actor, action, resource).allowed
            for resource in self.resources(action, self.namespaces, owner=actor)
        )

    def resources(
        self, action: str, namespaces: list[Namespace], *, owner: Actor | None = None
    ) -> Iterator[Resource]:
        """What the action may be asked about. ``owner``: also a namespace of their own, which they
        might yet make.
        """
        family = action.partition(".")[0]
        if family not in OF_STATE or action == "namespace.create":
            slug = self.ground.tenant_slug
            kind = TOUCHED.get(family, "tenant")
            # An id that nothing has: no rule about one thing speaks for all of its kind.
            yield Resource(kind, slug if kind == "tenant" else str(uuid7()), {"name": slug})
            return
        kind = "namespace" if family == "namespace" else "entry"
        for namespace in namespaces:
            yield of_namespace(kind, namespace.name, attributes_of(namespace))
        if owner is not None:
            own = {"classification": "internal", "owner": str(owner.id), "scope": "shared"}
            yield of_namespace(kind, "own", own | {"labels": {}})


def attributes_of(namespace: Namespace) -> dict[str, object]:
    return {
        "classification": namespace.classification,
        "labels": namespace.labels,
        "owner": str(namespace.owner_id),
        "scope": namespace.scope,
    }


def of_namespace(kind: ResourceType, name: str, attributes: dict[str, object]) -> Resource:
    resource_id = name if kind == "namespace" else f"{name}/probe"
    return Resource(kind, resource_id, {"name": name, **attributes})
