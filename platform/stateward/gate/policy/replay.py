"""Recorded decisions, made again: what other rules would have answered to what was really asked.

A record keeps its decision's inputs: snapshots of principal and resource by hash, and what of the
context is not personal. Purpose and source address lie in the record's erasable payload. From these
actor and resource are rebuilt, and the one decision point is asked, so a replay cannot differ from
it. What a rule would read and the record does not hold makes the answer *undecidable*, never a
guess.

Not made again is what no rule can change: refusals by an invariant, which stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.requests import Decision, Resource
from stateward.gate.policy.vocabulary import ACTION_NAMES, ENTITY_TYPES, TEXTS, WITH_LABELS
from stateward.tenancy.actors import Actor

INVARIANT = "deny_invariant"
PERSONAL = ("purpose", "source_address")
_TYPES = {kind: name for name, kind in ENTITY_TYPES.items()}


class Recorded(NamedTuple):
    """One decision as it was recorded, and how many it stands for."""

    at: datetime
    action: str
    facts: Mapping[str, Any]  # of the decision
    personal: Mapping[str, str]  # what of it may still be read: key, purpose, source_address
    missing: frozenset[str] = frozenset()  # what was said and may not be read any more
    times: int = 1
    record_id: UUID | None = None  # None: counted, not recorded one by one


class Asked(NamedTuple):
    """A recorded request as the decision point takes it."""

    actor: Actor
    action: str
    resource: Resource
    context: Mapping[str, Any]
    delegator: Actor | None


class Undecidable(Exception):  # a finding about a record, not an error of ours
    """The record does not hold what this decision needs; the text says what."""


class Replay:
    """Requests rebuilt for one tenant. ``documents``: snapshots by hash, as far as they are
    stored.
    """

    def __init__(
        self, tenant_id: UUID, tenant_slug: str, documents: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._tenant = (tenant_id, tenant_slug)
        self._documents = documents
        self._actors: dict[tuple[Any, ...], Actor] = {}
        self._resources: dict[str, Resource] = {}

    def asked(self, recorded: Recorded) -> Asked:
        """The request; Undecidable where a snapshot is gone, or the decision was cut short."""
        facts = recorded.facts
        context = facts.get("context")
        if not isinstance(context, Mapping) or recorded.action not in ACTION_NAMES:
            raise Undecidable("the decision was recorded as a hash only")
        delegator = None
        if "delegator_snapshot" in facts:
            delegator = self._actor(facts["delegator_snapshot"], {})
        return Asked(
            self._actor(facts["principal_snapshot"], context),
            recorded.action,
            self._resource(facts["resource_snapshot"], recorded.personal.get("key")),
            _context(recorded, context),
            delegator,
        )

    def decide(self, book: PolicyBook, asked: Asked, recorded: Recorded) -> Decision:
        """What ``book`` answers; Undecidable where one of its rules reads what is not recorded."""
        decision = decide(
            book,
            asked.actor,
            asked.action,
            asked.resource,
            asked.context,
            delegator=asked.delegator,
        )
        for name in recorded.missing:
            if name in book.reads(asked.actor, asked.action, asked.resource):
                raise Undecidable(f"a rule reads {name}, which is not kept any more")
        is_class = asked.resource.type == "entry" and "/" not in asked.resource.id
        if is_class and book.names_entries_of(asked.resource.id):
            raise Undecidable("a rule names single entries, and the entry's key is not kept")
        return decision

    def _actor(self, digest: str, context: Mapping[str, Any]) -> Actor:
        scopes = tuple(context["scopes"]) if "scopes" in context else None
        how = (context.get("auth_method", ""), bool(context.get("mfa")), scopes)
        found = self._actors.get((digest, *how))
        if found is None:
            document = self._document(digest)
            tenant_id, slug = self._tenant
            own = document["attributes"]
            found = self._actors[digest, *how] = Actor(
                type=_TYPES[document["type"]],  # type: ignore[arg-type]  # of a principal
                id=UUID(document["id"]),
                name=own["name"],
                tenant_id=tenant_id,
                tenant_slug=slug,
                roles=tuple(own["roles"]),
                attributes={
                    name: own[name]
                    for name in TEXTS[document["type"]]
                    if name not in {"id", "name"} and name in own
                },
                auth_method=how[0],
                mfa=how[1],
                scopes=frozenset(scopes) if scopes is not None else None,
            )
        return found

    def _resource(self, digest: str, key: str | None) -> Resource:
        found = self._resources.get(digest) if key is None else None
        if found is None:
            document = self._document(digest)
            kind, name = document["type"], document["id"]
            attributes = dict(document["attributes"])
            if kind in WITH_LABELS:
                attributes["labels"] = document["labels"]
            if kind == "Entry" and "/" not in name and key is not None:
                name = f"{name}/{key}"
            found = Resource(_TYPES[kind], name, attributes)  # type: ignore[arg-type]  # likewise
            if key is None:  # entries of a class have their keys in common with nobody
                self._resources[digest] = found
        return found

    def _document(self, digest: str) -> Mapping[str, Any]:
        document = self._documents.get(digest)
        if document is None:
            raise Undecidable("what the principal or the resource was like is not kept any more")
        return document


def _context(recorded: Recorded, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the decision was asked with; its time is the record's, which is the transaction's."""
    asked: dict[str, Any] = {"time": recorded.at}
    for name in ("run", "on_behalf_of", "roles", "approved"):
        if name in context:
            asked[name] = context[name]
    for name in PERSONAL:
        if name in recorded.personal:
            asked[name] = recorded.personal[name]
    return asked
