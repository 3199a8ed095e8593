"""Principals and resources as Cedar sees them, made once per content and book.
 Cedar's price is in parsing entities, so a slice of policies is shown only the attributes its
statements can read (its *lens*), as texts that are kept; parents are those that some policy names,
with all ancestors listed directly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from stateward.gate.policy.snapshots import Snapshot, take
from stateward.gate.policy.vocabulary import (
    ACTION_NAMES,
    ENTITY_TYPES,
    TEXTS,
    WITH_LABELS,
    WITH_ROLES,
)
from stateward.tenancy.actors import Actor

Uid = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lens:
    """What the statements of a slice can read. ``everything`` where it could not be told."""

    principal: frozenset[str]
    resource: frozenset[str]
    labels: bool
    context: frozenset[str]
    action: bool  # whether the action, and with it its groups, is looked at in a condition
    everything: bool


class EntityFacts:
    """One entity: its uid, attributes, labels and ancestors. Compared by identity; the book keeps
    one per content.
    """

    def __init__(
        self,
        uid: Uid,
        attributes: Mapping[str, Any],
        labels: Mapping[str, str],
        parents: tuple[Uid, ...],
    ) -> None:
        self.uid = uid
        self.attributes = attributes
        self.labels = labels
        self.parents = parents
        self.reference = {"type": uid[0], "id": uid[1]}
        self.keys: tuple[str, ...] = ()  # of all_keys(), those that some statement is filed under
        self.named_parents = parents  # those that some statement names
        self._shown: dict[Any, str] = {}

    def all_keys(self) -> Iterable[str]:
        """Every name by which a statement's scope or first condition could mean this entity."""
        yield "*"
        yield f"is {self.uid[0]}"
        for kind, name in (self.uid, *self.parents):
            yield f"{kind}::{name}"
        for name, value in self.attributes.items():
            if isinstance(value, str):
                yield f"{name}={value}"

    def shown(self, attributes: frozenset[str], *, labels: bool, everything: bool) -> str:
        """The entity's JSON for Cedar, cut to what can be read of it."""
        wanted = (attributes, labels, everything)
        text = self._shown.get(wanted)
        if text is None:
            document: dict[str, Any] = {
                "uid": self.reference,
                "attrs": {
                    name: value
                    for name, value in self.attributes.items()
                    if everything or name in attributes
                },
                "parents": [
                    {"type": kind, "id": name}
                    for kind, name in (self.parents if everything else self.named_parents)
                ],
            }
            if self.labels and (labels or everything):
                document["tags"] = dict(self.labels)
            text = self._shown[wanted] = json.dumps(document)
        return text

    def document(self) -> dict[str, Any]:
        """All that a policy could read, for the record."""
        return {
            "type": self.uid[0],
            "id": self.uid[1],
            "attributes": dict(self.attributes),
            "labels": dict(self.labels),
            "parents": sorted(f"{kind}::{name}" for kind, name in self.parents),
        }


class PrincipalFacts(EntityFacts):
    def __init__(self, actor: Actor) -> None:
        kind = ENTITY_TYPES[actor.type]
        own = dict(actor.attributes) | {"id": str(actor.id), "name": actor.name}
        attributes: dict[str, Any] = {name: str(own.get(name) or "") for name in TEXTS[kind]}
        attributes["roles"] = sorted(set(actor.roles))
        parents = [("Role", role) for role in attributes["roles"]]
        super().__init__(
            (kind, str(actor.id)), attributes, {}, (*parents, ("Tenant", actor.tenant_slug))
        )
        self.is_active = own.get("status", "active") == "active"
        self.tenant_id = str(actor.tenant_id)

    @cached_property
    def snapshot(self) -> Snapshot:
        return take("principal", self.document())


class ResourceFacts(EntityFacts):
    def __init__(self, content: tuple[Any, ...], resource_id: str, tenant_slug: str) -> None:
        given = dict(content[1])
        kind = ENTITY_TYPES[content[0]]
        if kind in WITH_LABELS:
            name = str(given.get("name") or resource_id.partition("/")[0])
            given |= {"name": name, "namespace": name}
        attributes: dict[str, Any] = {name: str(given.get(name) or "") for name in TEXTS[kind]}
        if kind in WITH_ROLES:
            attributes["id"] = attributes["id"] or resource_id
            attributes["roles"] = list(given.get("roles") or ())
        labels = dict(given.get("labels") or ()) if kind in WITH_LABELS else {}
        super().__init__(
            (kind, resource_id), attributes, labels, _ancestors(kind, attributes, tenant_slug)
        )
        self.is_held = bool(given.get("held"))
        self.tenant = given.get("tenant_id")

    @cached_property
    def snapshot(self) -> Snapshot:
        return take("resource", self.document())


def _ancestors(kind: str, attributes: Mapping[str, Any], tenant_slug: str) -> tuple[Uid, ...]:
    """Every ancestor: the namespaces on the path, the roles, and the tenant."""
    tenant = ("Tenant", tenant_slug)
    if kind == "Tenant":
        return ()
    if kind in WITH_ROLES:
        return (*(("Role", role) for role in attributes["roles"]), tenant)
    if kind not in WITH_LABELS:
        return (tenant,)
    path = attributes["name"].split(".")
    depth = len(path) + 1 if kind == "Entry" else len(path)
    return (*(("Namespace", ".".join(path[:end])) for end in range(depth - 1, 0, -1)), tenant)


def entities(principal: EntityFacts, action: str, resource: EntityFacts, lens: Lens) -> str:
    """What a slice may see, as Cedar's JSON. A principal that is its own resource appears once."""
    if principal.uid == resource.uid:
        attributes = lens.principal | lens.resource
        shown = [principal.shown(attributes, labels=False, everything=lens.everything)]
    else:
        shown = [
            principal.shown(lens.principal, labels=False, everything=lens.everything),
            resource.shown(lens.resource, labels=lens.labels, everything=lens.everything),
        ]
    if lens.action:
        shown.append(_action(action))
    return f"[{','.join(shown)}]"


@cache
def _action(action: str) -> str:
    """The action with its groups as parents."""
    name, *groups = ACTION_NAMES[action]
    document = {
        "uid": {"type": "Action", "id": name},
        "attrs": {},
        "parents": [{"type": "Action", "id": group} for group in groups],
    }
    return json.dumps(document)
