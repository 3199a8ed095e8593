"""The policy book: every rule in force for one tenant, parsed, indexed, and with the decisions made
from it so far.

A book belongs to one epoch of its inputs and is thrown away with it; nothing in it is ever changed
but its caches. An uncached decision costs at most one call of Cedar on a slice of a few rules,
whatever the size of the set:

1. principal and resource become facts, one object per content;
2. the index finds the rules whose scope can match; each distinct set of rules is one slice, parsed
   once;
3. Cedar evaluates the slice on what its rules can read, and is asked once for all who look the same
   to them; where rules read the context (time and purpose among it), once for each value of what
   they read;
4. the verdict is kept for the whole class of requests: one principal, action, namespace,
   classification and labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any
from uuid import UUID

import cedarpy

from stateward.gate.policy.facts import Lens, PrincipalFacts, ResourceFacts, Uid, shown
from stateward.gate.policy.grants import Grant, Grants
from stateward.gate.policy.index import Index, named_entities
from stateward.gate.policy.invariants import is_emergency
from stateward.gate.policy.levels import DECIDING, Override
from stateward.gate.policy.requests import Resource, Verdict
from stateward.gate.policy.rules import (
    BrokenSource,
    Rule,
    Source,
    rules_of,
    set_version,
    shipped_roles,
)
from stateward.gate.policy.screening import Check
from stateward.gate.policy.slices import Answer, Slice
from stateward.gate.policy.vocabulary import ACTION_NAMES
from stateward.tenancy.actors import Actor

# Bounds of the caches; past one, all of them start anew.
MAX_FACTS = 100_000
MAX_DECISIONS = 200_000
MAX_SLICES = 20_000
MAX_CASES = 1_000


class Cases:
    """What a class of requests is answered: always the same, or by what the context holds of what
    the rules read.
    """

    __slots__ = ("always", "by_context", "slice")

    def __init__(self, found: Slice | None, always: Verdict | None = None) -> None:
        self.slice = found
        self.always = always
        self.by_context: dict[tuple[Any, ...], Verdict] = {}


class PolicyBook:
    def __init__(
        self,
        tenant_id: UUID,
        policies: Iterable[Source] = (),
        *,
        tenant_slug: str = "",
        tenant_is_active: bool = True,
        grants: Grants | Iterable[Grant] = (),
        overrides: Iterable[Override] = (),
    ) -> None:
        sources = (*shipped_roles(), *policies)
        self.tenant_id = tenant_id
        self.tenant = (str(tenant_id), tenant_slug, tenant_is_active)
        self.version = set_version(sources)
        self.grants = grants if isinstance(grants, Grants) else Grants(grants)
        self.overrides = tuple(overrides)
        self.broken: list[BrokenSource] = []
        rules: list[Rule] = []
        for source in sources:
            found = rules_of(source)
            if isinstance(found, BrokenSource):
                if source.level in DECIDING:
                    self.broken.append(found)
            else:
                rules.extend(found)
        self.rules = tuple(rules)
        self._index = Index(rule.statement.tree for rule in rules)
        named = frozenset[Uid]().union(*(named_entities((rule.statement.tree,)) for rule in rules))
        self._named_entries = frozenset(name for kind, name in named if kind == "Entry")
        self.alarmed: set[tuple[str, ...]] = set()  # rules whose failure has been logged
        self._forget()

    def _forget(self) -> None:
        self.known: dict[tuple[PrincipalFacts, str, ResourceFacts], Cases] = {}
        self._actors: dict[int, tuple[Actor, PrincipalFacts]] = {}
        self._principals: dict[tuple[Any, ...], PrincipalFacts] = {}
        self._resources: dict[Any, ResourceFacts] = {}
        self._candidates: dict[Any, list[tuple[int, Check | None]]] = {}
        self._slices: dict[tuple[int, ...], Slice] = {}
        self._answers: dict[tuple[Any, ...], Answer] = {}
        self._entities: dict[tuple[str, ...], cedarpy.Entities] = {}

    def under(self, grants: Grants) -> PolicyBook:
        """The same rules with other grants, and nothing decided yet: to ask what they change."""
        other = copy(self)
        other.grants = grants
        other._forget()
        return other

    def principal(self, actor: Actor) -> PrincipalFacts:
        """The facts of ``actor``: found by the object, which callers keep as long as its credential
        is cached.
        """
        met = self._actors.get(id(actor))
        if met is not None and met[0] is actor:
            return met[1]
        content = (
            actor.type,
            actor.id,
            actor.name,
            actor.tenant_id,
            actor.tenant_slug,
            actor.roles,
            tuple(actor.attributes.items()),
        )
        facts = self._principals.get(content)
        if facts is None:
            facts = PrincipalFacts(actor)
            index = self._index
            facts.keys = facts.keys_among(index.principal_keys, index.principal_attributes)
            self._principals[content] = facts
        if len(self._actors) >= MAX_FACTS:
            self._forget()
        self._actors[id(actor)] = (actor, facts)
        return facts

    def resource(self, resource: Resource) -> ResourceFacts:
        """The facts of ``resource``'s class. An entry stands for its class, unless some policy
        names it.
        """
        content = resource.content
        is_class = resource.type == "entry" and resource.id not in self._named_entries
        key = content if is_class else (content, resource.id)
        facts = self._resources.get(key)
        if facts is None:
            if len(self._resources) >= MAX_FACTS:
                self._forget()
            facts = ResourceFacts(
                content, resource.id.split("/")[0] if is_class else resource.id, self.tenant[1]
            )
            index = self._index
            facts.keys = facts.keys_among(index.resource_keys, index.resource_attributes)
            self._resources[key] = facts
        return facts

    def slice_for(self, principal: PrincipalFacts, action: str, resource: ResourceFacts) -> Slice:
        """The rules this request can meet, without the tenant's forbids where those cannot bind
        (see invariants), and without those that surely do not hold for it (see screening).
        """
        emergency = is_emergency(principal, action)
        key = (action, principal.keys, resource.keys, emergency)
        candidates = self._candidates.get(key)
        if candidates is None:
            if len(self._candidates) >= MAX_SLICES:
                self._candidates.clear()
            numbers = self._index.find(ACTION_NAMES[action], principal.keys, resource.keys)
            candidates = self._candidates[key] = [
                (number, self.rules[number].screen)
                for number in numbers
                if not (emergency and self.rules[number].is_tenant_forbid)
            ]
        left = tuple(
            [
                number
                for number, screen in candidates
                if screen is None or screen(principal, resource) is not False
            ]
        )
        found = self._slices.get(left)
        if found is None:
            if len(self._slices) >= MAX_SLICES:
                self._slices.clear()
            found = self._slices[left] = self._cut([self.rules[number] for number in left])
        return found

    def _cut(self, rules: list[Rule]) -> Slice:
        others = tuple([rule for rule in rules if rule.source.level != "hard"])
        beside = Slice(others, as_permits=True) if others else None
        return Slice(tuple([rule for rule in rules if rule.source.level == "hard"]), beside)

    def overriding(self) -> Iterator[Override]:
        """The overrides that have not ended."""
        return (one for one in self.overrides if not self.grants.is_over(one.ends_at))

    def reads(self, actor: Actor, action: str, resource: Resource) -> tuple[str, ...]:
        """The members of the context that such a request is decided by."""
        principal, facts = self.principal(actor), self.resource(resource)
        return self.slice_for(principal, action, facts).reads

    def names_entries_of(self, namespace: str) -> bool:
        """Whether some rule is about a single entry of it."""
        return any(name.startswith(f"{namespace}/") for name in self._named_entries)

    def ask(
        self, found: Slice, principal: PrincipalFacts, action: str, resource: ResourceFacts,
        context: str | None,
    ) -> Answer:  # fmt: skip
        """What Cedar says of a slice's rules. Whoever looks the same to the slice gets the same
        answer, and Cedar is asked once; but what failed names the entities it failed on, so that is
        not shared.
        """
        lens = found.lens
        key: tuple[Any, ...] = (
            found,
            context,
            action if lens.action else None,
            principal.view(lens.principal, lens),
            resource.view(lens.resource, lens),
        )
        if principal.uid == resource.uid:  # the principal's attributes are the resource's as well
            key = (found, context, action, principal, resource)
        answer = self._answers.get(key)
        if answer is None:
            handle = self.entities(principal, action, resource, lens)
            answer = found.ask(principal, action, resource, handle, context)
            if not answer.failed and answer.refusal is None:
                if len(self._answers) >= MAX_DECISIONS:
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def entities(
        self, principal: PrincipalFacts, action: str, resource: ResourceFacts, lens: Lens
    ) -> cedarpy.Entities:
        texts = shown(principal, action, resource, lens)
        handle = self._entities.get(texts)
        if handle is None:
            if len(self._entities) >= MAX_FACTS:
                self._entities.clear()
            handle = cedarpy.Entities.from_json_str(f"[{','.join(texts)}]")
            self._entities[texts] = handle
        return handle

    def remember(self, key: tuple[PrincipalFacts, str, ResourceFacts], cases: Cases) -> None:
        if len(self.known) >= MAX_DECISIONS:
            self._forget()
        self.known[key] = cases
