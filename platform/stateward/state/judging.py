"""Asking the decision point about state.

Whether a caller may know that a namespace exists is a decision of its own (``namespace.read``):
without it every refusal
is the same 404 as for what is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from stateward.gate.audit.denials import deny
from stateward.gate.policy.decide import decide, refusal
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Flow
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.entries import NO_LABELS, parse_labels
from stateward.state.exceptions import UnderHold
from stateward.state.statements import Found, Read
from stateward.tenancy.actors import Actor, Call


class Permission(NamedTuple):
    """What a write was allowed under; the statement compares both with what it finds."""

    decision: Decision
    labels: Mapping[str, Any] | None  # a living entry's; None: a living entry may not be changed
    absent: bool  # whether one may be made where there is none


def judge_for(configuration: TenantConfiguration, actor: Actor, call: Call) -> Flow[Judge]:
    """The judge of one call. NotDelegated (403) where it names someone it may not act for."""
    delegator = yield from load_delegator(actor, call)
    return Judge(configuration, actor, call, delegator)


class Judge(NamedTuple):
    """Decisions for one caller under one configuration."""

    configuration: TenantConfiguration
    actor: Actor
    call: Call
    delegator: Actor | None = None  # whom the caller acts for: both must be allowed
    context: Mapping[str, Any] | None = None  # the call's, where many decisions are made of it
    shared: dict[int, Decision] | None = None  # by verdict, where those of one class are one

    def sharing(self) -> Judge:
        """The same judge for many entries: those whose verdict is the same share a decision."""
        return self._replace(context=call_context(self.call), shared={})

    def agreed(self) -> Judge:
        """The same judge for what other people have agreed to."""
        said = call_context(self.call) if self.context is None else self.context
        return self._replace(context={**said, "approved": True})

    def decide(self, action: str, resource: Resource) -> Decision:
        decision = decide(
            self.configuration.policies,
            self.actor,
            action,
            resource,
            call_context(self.call) if self.context is None else self.context,
            delegator=self.delegator,
        )
        if self.shared is None:
            return decision
        # The verdict of each one that is kept stays alive with it, so its id is nobody else's.
        return self.shared.setdefault(id(decision.verdict), decision)

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
        seen: Mapping[str, Any] | None,
        asked: Mapping[str, Any] | None,
        *,
        is_held: bool = False,
    ) -> Flow[Permission]:
        """What the caller may do to an entry that would be labelled ``asked``: if it lives under
        the labels ``seen``, and if
        there is none. ``seen`` is None as long as nobody has looked; most entries have no labels,
        and most rules do not
        ask for them, so the first guess is nearly always right, and the statement says when it was
        not.
        """
        labels = seen if seen is not None else NO_LABELS
        if is_held:  # asked before all else: no label makes a difference to it
            held = rules.entry(key, labels, is_held=True)
            refused = self.decide(action, held)
            yield from record_snapshots(self.configuration.tenant_id, refused)
            self.refuse(action, rules, held, refused)
        living = self._both(action, rules, key, labels, asked)
        absent = living
        if asked is not None or labels:
            after = asked if asked is not None else NO_LABELS
            absent = self.decide(action, rules.entry(key, after))
        yield from record_snapshots(self.configuration.tenant_id, living)
        if absent is not living:
            yield from record_snapshots(self.configuration.tenant_id, absent)
        if living.allowed:
            return Permission(living, labels, absent.allowed)
        if seen is None:
            found = yield from self._labels(rules, key)
            if found is not None and found != labels:
                return (yield from self.write(action, rules, key, found, asked))
            if found is None and absent.allowed:
                return Permission(absent, None, True)
        self.refuse(action, rules, rules.entry(key, labels), living)

    def refuse(
        self, action: str, rules: NamespaceRules, resource: Resource, decision: Decision
    ) -> NoReturn:
        """Raise the denial, with what its record needs: it is written where the request ends,
        because the transaction
        it is refused in may be undone.
        """
        error = self._refusal(action, rules, resource, decision)
        key = resource.id.removeprefix(f"{rules.name}/") if resource.type == "entry" else None
        # The control plane's recorder reads these two, ``record_denial`` below the third.
        error.action, error.resource = action, resource  # type: ignore[attr-defined]  # as below
        error.denial = {  # type: ignore[attr-defined]  # likewise
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

    def _refusal(
        self, action: str, rules: NamespaceRules, resource: Resource, decision: Decision
    ) -> StatewardError:
        """What the caller is told: of a hold only who could delete it were it not for that."""
        may_know = self.decide("namespace.read", rules.resource()).allowed
        if decision.code != "under_hold":
            return refusal(decision, hide=not may_know)
        free = {name: value for name, value in resource.attributes.items() if name != "held"}
        without = self.decide(action, Resource(resource.type, resource.id, free))
        if not (may_know and without.allowed):
            return refusal(without if not without.allowed else decision, hide=not may_know)
        error = UnderHold(decision_id=str(decision.id))
        error.decision = decision  # type: ignore[attr-defined]  # as ``refusal`` leaves it
        return error

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
