"""Principals and resources as Cedar sees them, made once per content and book.

Cedar's price is in parsing entities, so a slice of policies is shown only what its statements can
read (its *lens*): attributes, labels, and those of the ancestors that it names, listed directly. An
entity of which nothing can be read is not shown at all. The texts are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Literal
from uuid import UUID

from stateward.gate.policy.snapshots import Snapshot, is_recorded, take
from stateward.gate.policy.vocabulary import (
    ACTION_NAMES,
    ENTITY_TYPES,
    TEXTS,
    WITH_LABELS,
    WITH_ROLES,
)
from stateward.tenancy.actors import Actor

Uid = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """What the statements of a slice can read. ``everything`` where it could not be told."""

    principal: frozenset[str]
    resource: frozenset[str]
    labels: bool
    context: frozenset[str]
    ancestors: frozenset[Uid]  # of either side, as far as they are named
    uids: frozenset[str]  # the sides of which it matters who it is, not only what it is like
    action: bool  # whether the action, and with it its groups, is looked at in a condition
    everything: bool


class EntityFacts:
    """One entity: its uid, attributes, labels and ancestors. Compared by identity; the book keeps
    one per content.
    """

    side: ClassVar[Literal["principal", "resource"]] = "resource"

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
        self.keys: tuple[str, ...] = ()  # what statements are filed under, as far as it is met
        self._is_recorded = False
        self._shown: dict[tuple[frozenset[str], Lens], str] = {}

    def keys_among(self, filed: frozenset[str], attributes: frozenset[str]) -> tuple[str, ...]:
        """Of the names by which a scope or first condition could mean this entity, those ``filed``.
        ``attributes`` are those that any of them compares.
        """
        kind, name = self.uid
        keys = ["*", f"is {kind}", f"== {kind}::{name}", f"{kind}::{name}"]
        keys += [f"{kind}::{name}" for kind, name in self.parents]
        keys += [
            f"{name}={self.attributes[name]}" for name in attributes if name in self.attributes
        ]
        return tuple([key for key in keys if key in filed])

    def view(self, attributes: frozenset[str], lens: Lens) -> tuple[Any, ...]:
        """All that a slice can see of the entity, as a key: who looks the same is answered the
        same.
        """
        if lens.everything:
            return (self,)
        seen: list[Any] = [self.attributes.get(name) for name in attributes]
        if self.side in lens.uids:
            named = tuple([uid for uid in self.parents if uid in lens.ancestors])
            seen += (self.uid, named)
        if lens.labels:
            seen.append(tuple(self.labels.items()))
        return tuple(seen)

    def shown(self, attributes: frozenset[str], lens: Lens) -> str:
        """The entity's JSON for Cedar, cut to what can be read of it; empty if that is nothing."""
        wanted = (attributes, lens)
        text = self._shown.get(wanted)
        if text is None:
            text = self._shown[wanted] = self._cut(attributes, lens)
        return text

    def _cut(self, attributes: frozenset[str], lens: Lens) -> str:
        everything = lens.everything
        parents = [uid for uid in self.parents if everything or uid in lens.ancestors]
        labels = self.labels if lens.labels or everything else {}
        if not (attributes or parents or labels or everything):
            return ""
        document: dict[str, Any] = {
            "uid": self.reference,
            "attrs": {
                name: value
                for name, value in self.attributes.items()
                if everything or name in attributes
            },
            "parents": [{"type": kind, "id": name} for kind, name in parents],
        }
        if labels:
            document["tags"] = dict(labels)
        return json.dumps(document)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What the record keeps of the entity."""
        return take(self.side, self.document())

    def is_recorded(self, tenant_id: UUID) -> bool:
        """Whether its snapshot is known to be stored; once it is, it stays so."""
        if not self._is_recorded:
            self._is_recorded = is_recorded(tenant_id, self.snapshot.hash)
        return self._is_recorded

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
    side = "principal"

    def __init__(self, actor: Actor) -> None:
        kind = ENTITY_TYPES[actor.type]
        own = dict(actor.attributes) | {"id": str(actor.id), "name": actor.name}
        attributes: dict[str, Any] = {name: str(own.get(name) or "") for name in TEXTS[kind]}
        attributes["roles"] = tuple(sorted(set(actor.roles)))
        parents = [("Role", role) for role in attributes["roles"]]
        super().__init__(
            (kind, str(actor.id)), attributes, {}, (*parents, ("Tenant", actor.tenant_slug))
        )
        self.is_active = own.get("status", "active") == "active"
        self.tenant_id = str(actor.tenant_id)


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
            attributes["roles"] = tuple(given.get("roles") or ())
        labels = dict(given.get("labels") or ()) if kind in WITH_LABELS else {}
        super().__init__(
            (kind, resource_id), attributes, labels, _ancestors(kind, attributes, tenant_slug)
        )
        self.is_held = bool(given.get("held"))
        self.restricted_to: str | None = given.get("restricted_to")
        self.tenant = given.get("tenant_id")


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


def shown(
    principal: EntityFacts, action: str, resource: EntityFacts, lens: Lens
) -> tuple[str, ...]:
    """What a slice may see, as JSON of each entity. A principal that is its own resource is one."""
    if principal.uid == resource.uid:
        texts = [principal.shown(lens.principal | lens.resource, lens)]
    else:
        texts = [principal.shown(lens.principal, lens), resource.shown(lens.resource, lens)]
    if lens.action or lens.everything:
        texts.append(_action(action))
    return tuple([text for text in texts if text])


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
