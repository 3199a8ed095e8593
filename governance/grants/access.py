"""Who can do what, and why: principal by action, by role, grant and policy together.

Every answer is the decision point's own, made as any other. However many people there are, the
questions asked of the database are three: the rules, a page of principals or objects, and the
grants that decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from governance.grants.models import Grant
from governance.grants.objects import Target
from governance.grants.queries import by_ids
from governance.grants.words import ObjectType, actions_of
from governance.people.rules import unfit
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.principals import page_of_principals
from stateward.gate.policy.requests import Decision, Resource
from stateward.gate.policy.vocabulary import ResourceType
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow

# What people ask about first, by the kind of object; the others on demand.
USUAL: dict[ObjectType, tuple[str, ...]] = {
    "tenant": (
        "tenant.read", "namespace.create", "agent.manage", "member.manage", "policy.activate",
        "audit.read", "grant.manage", "tenant.manage",
    ),
    "namespace": (
        "namespace.read", "state.read_value", "state.write", "state.delete", "namespace.update",
        "namespace.delete", "grant.manage",
    ),
    "agent": ("agent.read", "agent.manage", "grant.manage"),
    "policy": ("policy.read", "policy.draft", "policy.activate", "grant.manage"),
}  # fmt: skip
_KINDS: dict[str, ResourceType] = {
    "agent": "agent",
    "credential": "credential",
    "member": "member",
    "policy": "policy",
    "audit": "audit_log",
    "backup": "backup",
    "key": "data_key",
    "job": "job",
    "namespace": "namespace",
}
Label = str
_GRANT = "grant:"


@dataclass(frozen=True, slots=True)
class Source:
    """A rule or grant that allowed or refused, as people find it."""

    kind: Literal["role", "policy", "grant"]
    label: Label
    name: str
    id: str | None = None  # of a policy or grant
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one principal, action and object."""

    action: str
    decision: Decision
    sources: tuple[Source, ...]

    @property
    def allowed(self) -> bool:
        return self.decision.allowed

    @property
    def ends_at(self) -> datetime | None:
        return self.decision.ends_at


class Sources:
    """The names behind the labels of a decision."""

    def __init__(self, book: PolicyBook, grants: Iterable[Grant] = ()) -> None:
        self._book = book
        self._grants = {str(grant.id): grant for grant in grants}

    @cached_property
    def _rules(self) -> Mapping[Label, Source]:
        return {
            rule.label: Source(
                rule.source.kind,
                rule.source.label,
                rule.source.name,
                rule.source.id or None,
                rule.source.version or None,
            )
            for rule in self._book.rules
        }

    def of(self, decision: Decision) -> tuple[Source, ...]:
        found = (self._source(label) for label in decision.determining)
        return tuple(dict.fromkeys(found))  # several statements of one policy are one source

    def _source(self, label: Label) -> Source:
        if label in self._rules:
            return self._rules[label]
        grant_id = label.removeprefix(_GRANT)
        grant = self._grants.get(grant_id)
        return Source("grant", label, _told(grant) if grant else "grant", grant_id)


def _told(grant: Grant) -> str:
    whom = f"group {grant.principal_name}" if grant.principal_type == "group" else "grant"
    return f"{whom} on {grant.object_name}" if grant.object_type != "agent" else whom


Answers = list[tuple[str, Decision]]  # to each action


def ask(book: PolicyBook, principal: Actor, target: Target, actions: Iterable[str]) -> Answers:
    return [(action, decide(book, principal, action, about(target, action))) for action in actions]


def explained(
    book: PolicyBook, answers: list[Answers], *, known: Iterable[Grant] = ()
) -> list[tuple[Verdict, ...]]:
    """The same with their sources. Of grants that are not ``known`` the names are looked up
    together.
    """
    decisions = [decision for row in answers for _, decision in row]
    named = {
        label.removeprefix(_GRANT)
        for decision in decisions
        for label in decision.determining
        if label.startswith(_GRANT)
    }
    at_hand = {str(grant.id): grant for grant in known}
    missing = by_ids(book.tenant_id, named - at_hand.keys())
    sources = Sources(book, (*at_hand.values(), *missing))
    return [
        tuple(Verdict(action, decision, sources.of(decision)) for action, decision in row)
        for row in answers
    ]


def about(target: Target, action: str) -> Resource:
    """What the action touches there: of a namespace its entries, of a tenant a thing of the kind
    as any may be.
    """
    family = action.partition(".")[0]
    if target.kind == "namespace" and family == "state":
        return Resource("entry", f"{target.id}/", target.resource.attributes)
    if target.kind == "tenant" and family == "state":
        return Resource("entry", "/", _ANY)
    if target.kind == "tenant" and family in _KINDS:
        return Resource(_KINDS[family], "", _ANY if family == "namespace" else {})
    return target.resource


_ANY: Mapping[str, Any] = {"name": "", "classification": "internal", "labels": {}, "owner": ""}


def chosen_actions(kind: ObjectType, asked: str | None) -> tuple[str, ...]:
    """Those named, separated by commas; or the usual ones."""
    if not asked:
        return USUAL[kind]
    known = actions_of(kind)
    wanted = tuple(dict.fromkeys(asked.split(",")))
    unknown = [one for one in wanted if one not in known]
    if unknown:
        raise unfit("actions", f"{unknown[0][:64]!r} is no action on a {kind}")
    return wanted


def principals_page(
    tenant_id: UUID, kind: Literal["agent", "member"], *, after: UUID | None, limit: int
) -> tuple[list[Actor], UUID | None]:
    """A page of them, and the id to go on after."""
    found = run_flow(page_of_principals(tenant_id, kind, after=after, limit=limit + 1))
    more = len(found) > limit
    return found[:limit], found[limit - 1].id if more else None
