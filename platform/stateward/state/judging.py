"""Asking the decision point about state.

Whether a caller may know that a namespace exists is a decision of its own (``namespace.read``): without it every refusal
is the same 404 as for what is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from stateward.gate.audit.denials import deny
from stateward.gate.policy.decide import decide, refusal
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.flow import Flow
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.entries import NO_LABELS, parse_labels
from stateward.state.statements import Found, Read
from stateward.tenancy.actors import Actor, Call


@dataclass(frozen=True, slots=True)
class Judge:
    """Decisions for one caller under one configuration."""

    configuration: TenantConfiguration
    actor: Actor
    call: Call

    def decide(self, action: str, resource: Resource) -> Decision:
        return decide(
            self.configuration.policies, self.actor, action, resource, call_context(self.call)
        )

    def require(self, action: str, rules: NamespaceRules, resource: Resource) -> Flow[Decision]:
        """The decision if it allows; else the denial, as 404 where the caller may not know."""
        decision = self.decide(action, resource)
        yield from record_snapshots(self.configuration.tenant_id, decision)
        if not decision.allowed:
            self.refuse(action, rules, resource, decision)
        return decision

    def write(
        self,
        action: str,
        rules: NamespaceRules,
        key: str,
        seen: Mapping[str, Any],
        asked: Mapping[str, Any] | None,
    ) -> Flow[tuple[Decision, bool]]:
        """The decision for a living entry labelled ``seen`` that would be labelled ``asked``, and whether an absent one
        may be made. Denied only when neither holds: where labels matter, the entry is looked at before saying no.
        """
        decision = self._both(action, rules, key, seen, asked)
        absent = decision
        if asked is not None or seen:
            absent = self.decide(
                action, rules.entry(key, asked if asked is not None else NO_LABELS)
            )
        yield from record_snapshots(self.configuration.tenant_id, decision)
        if decision.allowed or absent.allowed:
            if absent is not decision:
                yield from record_snapshots(self.configuration.tenant_id, absent)
            return (decision if decision.allowed else absent), absent.allowed
        labels = yield from self._labels(rules, key)
        if labels is not None and labels != seen:
            decision = self._both(action, rules, key, labels, asked)
            if decision.allowed:
                # Not the labels the statement was told of: it answers with these, and the path decides again.
                return decision, False
        self.refuse(action, rules, rules.entry(key, seen), decision)

    def refuse(
        self, action: str, rules: NamespaceRules, resource: Resource, decision: Decision
    ) -> NoReturn:
        """Raise the denial, with what its record needs: it is written where the request ends, because the transaction
        it is refused in may be undone.
        """
        may_know = self.decide("namespace.read", rules.resource()).allowed
        error = refusal(decision, hide=not may_know)
        key = resource.id.removeprefix(f"{rules.name}/") if resource.type == "entry" else None
        error.action, error.resource = action, resource  # type: ignore[union-attr]  # as the control plane's recorder reads them
        error.denial = {  # type: ignore[union-attr]  # as ``record_denial`` reads it
            "action": action,
            "resource_type": resource.type,
            "resource_id": str(rules.id),
            "namespace_id": rules.id,
            "classification": rules.classification,
            "reason": decision.reason,
            "decision": decision.facts(),
            "personal": {"key": key} if key is not None else {},
        }
        raise error

    def _both(
        self,
        action: str,
        rules: NamespaceRules,
        key: str,
        seen: Mapping[str, Any],
        asked: Mapping[str, Any] | None,
    ) -> Decision:
        """A change of labels must be allowed under the old and under the new ones."""
        decision = self.decide(action, rules.entry(key, seen))
        if decision.allowed and asked is not None and asked != seen:
            return self.decide(action, rules.entry(key, asked))
        return decision

    def _labels(self, rules: NamespaceRules, key: str) -> Flow[Mapping[str, Any] | None]:
        rows = yield Read(self.configuration.tenant_id, rules.id, key)
        return parse_labels(Found(*rows[0]).labels) if rows else None


def record_denial(actor: Actor, call: Call, error: BaseException) -> Flow[None]:
    """Record a denial that ``Judge`` raised, before it is answered; nothing for any other error."""
    denial: dict[str, Any] | None = getattr(error, "denial", None)
    if denial is not None:
        yield from deny(actor=actor, call=call, **denial)
