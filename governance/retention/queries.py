"""Reads of retention rules and holds. In the tenant's scope; what is about a caller is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from governance.retention.acts import resource_for, resources_for
from governance.retention.models import RetentionRule, RetentionVersion
from governance.retention.terms import Rule, Scope, Terms
from governance.retention.versions import Standing, standing
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.permits import permit
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Resource, call_context
from stateward.kernel.errors import NotFound
from stateward.state.models import Hold, Namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule as it stands at a moment."""

    rule: RetentionRule
    versions: tuple[RetentionVersion, ...]  # oldest first
    standing: Standing

    @property
    def terms_in_force(self) -> Terms | None:
        return self.standing.in_force.terms if self.standing.in_force else None

    @property
    def newest_terms(self) -> Terms | None:
        return self.standing.newest.terms if self.standing.newest else None

    @property
    def shown_terms(self) -> Terms:
        """What it says, or said last before it ended."""
        for version in reversed(self.versions):
            if (terms := version.terms(self.rule.kind)) is not None:
                return terms
        raise AssertionError("a rule begins with terms")

    @property
    def word(self) -> str:
        """How it stands, in one word."""
        if self.standing.is_over:
            return "ended"
        if self.standing.pending is None:
            return "in_force"
        if self.standing.pending.terms is None:
            return "ending"
        return "changing" if self.terms_in_force is not None else "waiting"

    def in_force(self) -> Rule | None:
        return self._counted(self.standing.in_force)

    def newest(self) -> Rule | None:
        return self._counted(self.standing.newest)

    def _counted(self, version: object) -> Rule | None:
        for written in (self.standing.in_force, self.standing.pending):
            if written is version and written is not None and written.terms is not None:
                return Rule(self.rule.id, self.rule.name, written.number, written.terms)
        return None


def database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def rule_states(tenant_id: UUID, now: datetime, *, only: UUID | None = None) -> list[RuleState]:
    """The tenant's rules, oldest first: one statement."""
    return state_of_each(versions_of_tenant(tenant_id, only=only), now)


def versions_of_tenant(tenant_id: UUID, *, only: UUID | None = None) -> list[RetentionVersion]:
    rows = RetentionVersion.objects.filter(tenant_id=tenant_id).select_related("rule")
    if only is not None:
        rows = rows.filter(rule_id=only)
    return list(rows.order_by("rule_id", "number"))


def state_of_each(versions: list[RetentionVersion], now: datetime) -> list[RuleState]:
    return [
        _state(list(own), now) for _, own in groupby(versions, key=lambda version: version.rule_id)
    ]


def rules_in_force(tenant_id: UUID, now: datetime) -> list[Rule]:
    found = [one.in_force() for one in rule_states(tenant_id, now)]
    return [rule for rule in found if rule is not None]


def newest_rules(tenant_id: UUID, now: datetime) -> list[Rule]:
    """As they will be once nothing waits any more: what a preview is about."""
    found = [one.newest() for one in rule_states(tenant_id, now)]
    return [rule for rule in found if rule is not None]


def readable_rules(actor: Actor, call: Call, now: datetime) -> list[RuleState]:
    """The rules that the caller may read; Denied (403) where that is none and there may be some."""
    book = run_flow(current_policies(actor.tenant_id))
    delegator = run_flow(load_delegator(actor, call))
    context = call_context(call)
    states = rule_states(actor.tenant_id, now)
    about = resources_for(actor, [one.shown_terms.scope for one in states])
    found = [
        one
        for one in states
        if decide(
            book,
            actor,
            "retention.read",
            about[one.shown_terms.scope],
            context,
            delegator=delegator,
        ).allowed
    ]
    if not found:
        permit(actor, call, "retention.read", resource_for(actor, Scope()))
    return found


def rule_state(actor: Actor, call: Call, rule_id: UUID, now: datetime) -> RuleState:
    """One rule; NotFound (404) also for one that the caller may not read."""
    found = rule_states(actor.tenant_id, now, only=rule_id)
    if not found:
        raise NotFound
    about = resource_for(actor, found[0].shown_terms.scope)
    permit(actor, call, "retention.read", about, hide=True)
    return found[0]


def holds_of(tenant_id: UUID) -> QuerySet[Hold, Hold]:
    return Hold.objects.filter(tenant_id=tenant_id)


def readable_holds(actor: Actor, call: Call) -> QuerySet[Hold, Hold]:
    """All holds, for whoever may read the tenant's; they are decided together."""
    permit(actor, call, "hold.read", resource_for(actor, Scope()))
    return holds_of(actor.tenant_id)


def readable_hold(actor: Actor, call: Call, hold_id: UUID) -> Hold:
    hold = holds_of(actor.tenant_id).filter(id=hold_id).first()
    if hold is None:
        raise NotFound
    permit(actor, call, "hold.read", hold_resource(hold), hide=True)
    return hold


def hold_resource(hold: Hold) -> Resource:
    return Resource("hold", str(hold.id), {"name": hold.matter})


def unruled_namespaces(
    tenant_id: UUID, now: datetime, *, rules: list[Rule] | None = None
) -> list[str]:
    """Namespaces that no rule in force, or to come, is about as a whole."""
    rules = newest_rules(tenant_id, now) if rules is None else rules
    whole = [
        rule.terms.scope
        for rule in rules
        if not rule.terms.scope.key_pattern and not rule.terms.scope.label
    ]
    found = Namespace.objects.filter(tenant_id=tenant_id, deleted_at__isnull=True)
    return [
        name
        for name, classification in found.order_by("name").values_list("name", "classification")
        if not any(scope.reaches(name, classification) for scope in whole)
    ]


def _state(versions: list[RetentionVersion], now: datetime) -> RuleState:
    rule = versions[0].rule
    written = [version.written(rule.kind) for version in versions]
    return RuleState(rule, tuple(versions), standing(written, now))
