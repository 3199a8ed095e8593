"""Access in words: the head of a table, and the sentence a page begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from governance.grants.access import Source, Sources, ask
from governance.grants.objects import Target
from governance.grants.words import ObjectType
from stateward.gate.policy.book import PolicyBook
from stateward.tenancy.actors import Actor

MOST_ASKED = 200  # principals of each kind that the sentence is about

SHORT = {
    "namespace.read": "See it",
    "namespace.create": "Make namespaces",
    "namespace.update": "Settings",
    "namespace.delete": "Delete it",
    "state.read_meta": "See keys",
    "state.read_value": "Read values",
    "state.decrypt_restricted": "Reveal restricted",
    "state.write": "Write",
    "state.delete": "Delete entries",
    "state.lease": "Lease keys",
    "state.break_lease": "End others' leases",
    "state.propose": "Propose values",
    "state.vote": "Vote",
    "grant.manage": "Give access",
    "tenant.read": "See it",
    "tenant.manage": "Manage the tenant",
    "agent.read": "See it",
    "agent.manage": "Manage",
    "member.manage": "Manage members",
    "policy.read": "Read it",
    "policy.draft": "Draft",
    "policy.activate": "Put in force",
    "audit.read": "Read the audit",
}
ON_TENANT = {"agent.manage": "Manage agents", "policy.activate": "Put policies in force"}
# What the sentence of a page is about.
MAIN: dict[ObjectType, tuple[str, str]] = {
    "tenant": ("grant.manage", "give access to everything here"),
    "namespace": ("state.write", "write here"),
    "agent": ("agent.manage", "manage this agent"),
    "policy": ("policy.activate", "put this policy in force"),
}


@dataclass(frozen=True, slots=True)
class Column:
    action: str
    title: str


def columns(kind: ObjectType, actions: Sequence[str]) -> list[Column]:
    names = SHORT | ON_TENANT if kind == "tenant" else SHORT
    return [Column(action, names.get(action, action)) for action in actions]


# Of each kind that may be listed the first, and whether there are more.
First = dict[Literal["member", "agent"], tuple[list[Actor], UUID | None]]


def said(book: PolicyBook, target: Target, first: First) -> str:
    """Who can do the main thing, and by what: asked of the gate for each of them."""
    action, can = MAIN[target.kind]
    sources = Sources(book)
    parts: list[str] = []
    why: Counter[str] = Counter()
    for kind, (found, following) in first.items():
        answers = [decision for one in found for _, decision in ask(book, one, target, (action,))]
        allowed = [decision for decision in answers if decision.allowed]
        why.update(by(sources.of(decision)) for decision in allowed)
        among = f"the first {len(found)}" if following else f"{len(found)}"
        word = kind if len(found) == 1 else f"{kind}s"
        parts.append(f"{len(allowed) or 'none'} of {among} {word}")
    if not parts:
        return "Who there is, is not yours to see; the grants below are."
    grounds = ", ".join(f"{count} {reason}" for reason, count in why.most_common(5))
    rest = sum(why.values()) - sum(count for _, count in why.most_common(5))
    more = f", {rest} otherwise" if rest else ""
    return f"{' and '.join(parts).capitalize()} can {can}{': ' + grounds + more if why else ''}."


def by(sources: Sequence[Source]) -> str:
    """The ground in words; of several the first, which is a role where there is one."""
    if not sources:
        return "by an invariant"
    first = sources[0]
    if first.kind == "role":
        return f"as {first.name}"
    if first.kind == "policy":
        return f"by the policy {first.name}"
    return "by a grant"
