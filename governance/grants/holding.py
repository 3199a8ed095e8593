"""Nobody grants more than they hold: whatever a grant reaches, its giver is decided about first.

A grant reaches what lies beneath its object, now and later. So the giver must be allowed each
action on the object, on every namespace beneath, and on one that nobody has made yet, of each
classification the grant reaches: a right that hangs on who owns a thing, or stops at a name, is
none to hand on. What they hold for a time they give for no longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from governance.grants.objects import Target, namespaces_at
from governance.grants.words import meant
from governance.people.exceptions import AboveOwnRights
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide, refusal
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.gate.policy.vocabulary import ResourceType
from stateward.state.models import CLASSIFICATIONS, Namespace
from stateward.state.services.namespaces import resource_of
from stateward.tenancy.actors import Actor, Call

# A name that no policy knows; kept for the process, so that it is decided about once.
_UNMADE = f"unmade-{uuid4().hex}"
_TREE = frozenset({"state", "namespace", "retention", "hold", "model"})
_KINDS: dict[str, ResourceType] = {
    "policy": "policy",
    "agent": "agent",
    "credential": "credential",
    "member": "member",
    "audit": "audit_log",
    "backup": "backup",
    "key": "data_key",
    "job": "job",
}


class Giver(NamedTuple):
    """Somebody who gives, takes or changes what others hold."""

    book: PolicyBook
    actor: Actor
    call: Call
    delegator: Actor | None = None

    def may(self, action: str, about: Resource) -> bool:
        return self._decide(action, about).allowed

    def require(
        self, action: str, about: Resource, *, known_by: str | None = None
    ) -> Decision | None:
        """The decision that allows it; Denied (403), or NotFound for who may not even do
        ``known_by``. Commands are not decided about.
        """
        if self.actor.type == "system":
            return None
        decision = self._decide(action, about)
        if decision.allowed:
            return decision
        error = refusal(decision, hide=known_by is not None and not self.may(known_by, about))
        error.action, error.resource = action, about  # type: ignore[union-attr]  # for its record
        raise error

    def check(
        self,
        target: Target,
        actions: frozenset[str],
        *,
        restricted: bool,
        ends_at: datetime | None = None,
        is_taken: bool = False,
    ) -> None:
        """AboveOwnRights (403) unless the giver holds all of it, for as long. What is taken away
        counts as what is given, but for how long.
        """
        tree = tree_of(target, self.actor.tenant_id, restricted=restricted)
        for action in meant(actions):
            for about in reach(target, action, tree):
                decision = self._decide(action, about)
                if not decision.allowed:
                    raise AboveOwnRights(
                        f"You may not {action} on {_spoken(about)} yourself, so it is not yours to "
                        f"{'take' if is_taken else 'give'}."
                    )
                end = decision.verdict.ends_at
                if end is not None and not is_taken and (ends_at is None or ends_at > end):
                    raise AboveOwnRights(
                        f"You hold {action} on {_spoken(about)} until {end:%Y-%m-%d %H:%M} UTC; "
                        "give it for no longer."
                    )

    def _decide(self, action: str, about: Resource) -> Decision:
        context = call_context(self.call)
        return decide(self.book, self.actor, action, about, context, delegator=self.delegator)


def reach(target: Target, action: str, tree: list[Resource]) -> Iterator[Resource]:
    """One of each thing that a grant of ``action`` on ``target`` is about."""
    family = action.partition(".")[0]
    if family == "state":
        for namespace in tree:
            yield Resource("entry", f"{namespace.id}/", namespace.attributes)
    elif family in _TREE or target.kind == "namespace":
        yield from tree
    else:
        yield target.resource
        if target.kind == "tenant" and family in _KINDS:
            yield Resource(_KINDS[family], "", {})


def tree_of(target: Target, tenant_id: UUID, *, restricted: bool) -> list[Resource]:
    """The namespaces that a grant on ``target`` reaches, and those that may yet come."""
    if target.kind not in {"tenant", "namespace"}:
        return []
    found = Namespace.objects.filter(tenant_id=tenant_id, deleted_at=None)
    if target.kind == "namespace":
        found = namespaces_at(tenant_id, target.id)
    reached = [one for one in CLASSIFICATIONS if restricted or one != "restricted"]
    there = found.filter(classification__in=reached).order_by("name")
    beneath = f"{target.id}.{_UNMADE}" if target.kind == "namespace" else _UNMADE
    return [
        *(resource_of(namespace) for namespace in there.defer("schema")),
        *(Resource("namespace", beneath, _unmade(beneath, one)) for one in reached),
    ]


def _unmade(name: str, classification: str) -> Mapping[str, Any]:
    return {"name": name, "classification": classification, "labels": {}, "owner": "", "scope": ""}


def _spoken(about: Resource) -> str:
    if about.type in {"namespace", "entry"}:
        name = str(about.attributes["name"])
        if name.endswith(_UNMADE):
            above = name.removesuffix(_UNMADE).rstrip(".")
            where = f"beneath {above}" if above else "in this tenant"
            return f"what may yet come {where} ({about.attributes['classification']})"
        return name
    return str(about.attributes.get("name") or f"every {about.type.replace('_', ' ')}")
