"""Every change of a tenant's retention rules: decide, write a version, raise the epoch, record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from governance.retention.acts import raise_epoch, resource_for
from governance.retention.approving import SHORTEN, loosened
from governance.retention.exceptions import (
    NothingChanges,
    RuleNameTaken,
    RuleOver,
    TooManyRules,
)
from governance.retention.fitness import check_terms, check_text
from governance.retention.models import RetentionRule, RetentionVersion
from governance.retention.queries import (
    RuleState,
    database_time,
    rule_state,
    rule_states,
)
from governance.retention.terms import Scope, Terms
from governance.retention.versions import loosens
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import ask, use
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import tenant_scope

MAX_RULES = 200  # of a tenant, not ended
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,98}[A-Za-z0-9])?")


def create_rule(actor: Actor, call: Call, *, name: str, terms: Terms, note: str = "") -> RuleState:
    """A rule with its version 1. One that retains is in force at once, one that deletes after the
    grace.
    """
    with tenant_scope(actor.tenant_id):
        raise_epoch(actor)
        decision = permit(actor, call, "retention.manage", resource_for(actor, terms.scope))
        if not _NAME.fullmatch(name):
            raise unfit("name", "1 to 100 of letters, digits, space, '.', '_' and '-'")
        check_terms(terms)
        now = database_time()
        others = [one for one in rule_states(actor.tenant_id, now) if not one.standing.is_over]
        if len(others) >= MAX_RULES:
            raise TooManyRules
        try:
            with transaction.atomic():
                rule = RetentionRule.objects.create(
                    tenant_id=actor.tenant_id, name=name, kind=terms.kind
                )
        except IntegrityError:
            raise RuleNameTaken from None
        approvals = _agreed(actor, call, name, (None, terms), _terms_of(others))
        effect = effect_of(None, terms, _terms_of(others), now)
        _write(actor, rule, terms, takes_effect_at=effect, note=note)
        _record(call, rule, decision, terms, effect - now, approvals=approvals)
        return _as_it_stands(rule, now)


def change_rule(
    actor: Actor, call: Call, rule_id: UUID, *, terms: Terms, note: str = ""
) -> RuleState:
    """A new version. What could delete something sooner waits out the grace; until then the rule
    stands as it stood.
    """
    with tenant_scope(actor.tenant_id):
        raise_epoch(actor)
        now = database_time()
        state, others = _standing_rule(actor, call, rule_id, now)
        decision = permit(actor, call, "retention.manage", resource_for(actor, terms.scope))
        if terms.kind != state.rule.kind:
            raise unfit("kind", "a rule stays of its kind; write another one")
        check_terms(terms)
        if state.newest_terms == terms:
            raise NothingChanges
        change = (state.terms_in_force, terms)
        approvals = _agreed(actor, call, state.rule.name, change, _terms_of(others))
        effect = effect_of(*change, _terms_of(others), now)
        _write(actor, state.rule, terms, takes_effect_at=effect, note=note)
        _record(call, state.rule, decision, terms, effect - now, approvals=approvals)
        return _as_it_stands(state.rule, now)


def end_rule(actor: Actor, call: Call, rule_id: UUID, *, note: str = "") -> RuleState:
    """End a rule: at once where nothing can be deleted the sooner for it, else after the grace."""
    with tenant_scope(actor.tenant_id):
        raise_epoch(actor)
        now = database_time()
        state, others = _standing_rule(actor, call, rule_id, now)
        if state.newest_terms is None:
            raise RuleOver
        about = resource_for(actor, state.newest_terms.scope)
        decision = permit(actor, call, "retention.manage", about)
        change = (state.terms_in_force, None)
        approvals = _agreed(actor, call, state.rule.name, change, _terms_of(others))
        effect = effect_of(*change, _terms_of(others), now)
        _write(actor, state.rule, None, takes_effect_at=effect, note=note)
        _record(call, state.rule, decision, None, effect - now, approvals=approvals)
        return _as_it_stands(state.rule, now)


def ask_to_loosen(
    actor: Actor, call: Call, *, name: str, terms: Terms | None, summary: str, reason: str
) -> ApprovalRequest:
    """Ask others to agree that the rule of this name says this, or (None) ends. The change itself
    is then made again, and waits out its grace as ever.
    """
    with tenant_scope(actor.tenant_id):
        scope = terms.scope if terms is not None else Scope()
        permit(actor, call, "retention.manage", resource_for(actor, scope))
        if terms is not None:
            check_terms(terms)
        reason = check_text("reason", reason, needed=True)
        about = ("retention_rule", name[:100], name[:100])
        content = loosened(name, terms)
        return ask(actor, call, SHORTEN, subject=about, content=content, summary=summary,
                   reason=reason)  # fmt: skip


def _agreed(
    actor: Actor,
    call: Call,
    name: str,
    change: tuple[Terms | None, Terms | None],
    others: Sequence[Terms],
) -> tuple[str, ...]:
    """The approvals that a change rests on; ApprovalNeeded (409) where nobody agreed to it. What
    protects, and what deletes nothing sooner, asks nobody.
    """
    if not loosens(*change, others):
        return ()
    return use(actor, call, SHORTEN, subject_id=name[:100], content=loosened(name, change[1]))


def effect_of(
    old: Terms | None, new: Terms | None, others: Sequence[Terms], now: datetime
) -> datetime:
    """When such a change takes effect."""
    grace = timedelta(hours=settings.RETENTION_GRACE_HOURS)
    return now + grace if loosens(old, new, others) else now


def _standing_rule(
    actor: Actor, call: Call, rule_id: UUID, now: datetime
) -> tuple[RuleState, list[RuleState]]:
    """The rule, if the caller may change it as it stands, and the others that count or will."""
    state = rule_state(actor, call, rule_id, now)
    for terms in _terms_of([state]):
        permit(actor, call, "retention.manage", resource_for(actor, terms.scope))
    if state.standing.is_over:
        raise RuleOver
    return state, _others(actor.tenant_id, rule_id, now)


def _others(tenant_id: UUID, rule_id: UUID, now: datetime) -> list[RuleState]:
    found = [one for one in rule_states(tenant_id, now) if one.rule.id != rule_id]
    return [one for one in found if not one.standing.is_over]


def terms_beside(tenant_id: UUID, rule_id: UUID, now: datetime) -> list[Terms]:
    """What the other rules say that count or will."""
    return _terms_of(_others(tenant_id, rule_id, now))


def _terms_of(states: Sequence[RuleState]) -> list[Terms]:
    found = [terms for one in states for terms in (one.terms_in_force, one.newest_terms)]
    return [terms for terms in found if terms is not None]


def _write(
    actor: Actor,
    rule: RetentionRule,
    terms: Terms | None,
    *,
    takes_effect_at: datetime,
    note: str,
) -> None:
    number = rule.versions.count() + 1
    said = {}
    if terms is not None:
        said = {
            "namespace": terms.scope.namespace,
            "key_pattern": terms.scope.key_pattern,
            "classification": terms.scope.classification,
            "label": terms.scope.label,
            "clock": terms.clock,
            "days": terms.days,
            "erase_audit": terms.erase_audit,
        }
    RetentionVersion.objects.create(
        tenant_id=actor.tenant_id,
        rule=rule,
        number=number,
        is_end=terms is None,
        note=check_text("note", note),
        author_type=actor.type,
        author_id=actor.id,
        author_name=actor.name,
        takes_effect_at=takes_effect_at,
        **said,
    )
    RetentionRule.objects.filter(id=rule.id).update(latest_version=number)
    rule.latest_version = number


def _record(
    call: Call,
    rule: RetentionRule,
    decision: Decision,
    terms: Terms | None,
    wait: timedelta,
    *,
    approvals: Sequence[str],
) -> None:
    said = "ends" if terms is None else f"{terms.kind} {terms.days} days after {terms.clock}"
    details = {
        "event": "retention.rule_ended" if terms is None else "retention.rule_written",
        "name": rule.name,
        "version": rule.latest_version,
        "says": said,
        "scope": {} if terms is None else scope_details(terms),
        "waits_seconds": int(wait.total_seconds()),
    }
    about = ("retention_rule", str(rule.id))
    record(call, decision, "retention.manage", about, details, approvals=approvals)


def _as_it_stands(rule: RetentionRule, now: datetime) -> RuleState:
    (state,) = rule_states(rule.tenant_id, now, only=rule.id)
    return state


def scope_details(terms: Terms) -> dict[str, str]:
    scope = terms.scope
    parts = {
        "namespace": scope.namespace,
        "key_pattern": scope.key_pattern,
        "classification": scope.classification,
        "label": scope.label,
    }
    return {name: value for name, value in parts.items() if value}
