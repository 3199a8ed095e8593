"""The decision: ``allow = invariants ∧ ¬forbid ∧ (role ∨ grant ∨ permit) ∧ caps``, and deny where
nothing matched.

Pure but for the book's caches. Nobody is above it: there is no superuser.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stateward.gate.policy.book import MAX_CASES, Cases, PolicyBook
from stateward.gate.policy.exceptions import Denied
from stateward.gate.policy.facts import PrincipalFacts, ResourceFacts
from stateward.gate.policy.invariants import (
    giving_refusal,
    is_emergency,
    restriction_refusal,
    standing_refusal,
)
from stateward.gate.policy.levels import Beside, weigh
from stateward.gate.policy.requests import (
    NO_CONTEXT,
    Decision,
    Outcome,
    PolicyFault,
    Resource,
    Verdict,
)
from stateward.gate.policy.slices import Answer, Slice, context_document, context_value
from stateward.gate.policy.vocabulary import scope_allows
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor

logger = logging.getLogger("stateward.policy")


def decide(
    policies: PolicyBook,
    actor: Actor,
    action: str,
    resource: Resource,
    context: Mapping[str, Any] = NO_CONTEXT,
    *,
    delegator: Actor | None = None,
) -> Decision:
    """Whether ``actor`` may do ``action`` to ``resource``; with ``delegator``, whether both may.

    ``context`` comes from ``call_context``; ``roles`` in it are those being given to somebody. One
    that names somebody to act for is refused without its ``delegator`` (see ``load_delegator``).
    """
    verdict = _verdict(policies, actor, action, resource, context)
    if delegator is not None or context.get("on_behalf_of"):
        verdict = _delegated(policies, verdict, (action, resource, context), delegator)
    return Decision(verdict, actor, context)


def refusal(decision: Decision, *, hide: bool = False) -> Denied | NotFound:
    """The error that tells a caller of a denial. It carries the decision, which the audit of the
    denial needs.
    """
    error: Denied | NotFound
    if hide:
        error = NotFound()
    else:
        error = Denied(decision.reason, decision_id=str(decision.id), reason=decision.code)
    error.decision = decision  # type: ignore[union-attr]  # read by whoever records denials, never shown
    return error


def _verdict(
    book: PolicyBook, actor: Actor, action: str, resource: Resource, context: Mapping[str, Any]
) -> Verdict:
    principal = book.principal(actor)
    facts = book.resource(resource)
    cases = book.known.get((principal, action, facts))
    if cases is None:
        cases = _open(book, principal, action, facts)
    verdict = cases.always or _in_context(book, cases, actor, (principal, action, facts), context)
    if verdict.ends_at is not None and book.grants.is_over(verdict.ends_at):
        # What it rested on has ended by itself, which raised no epoch: decide again without it.
        cases = _open(book, principal, action, facts)
        asked = (principal, action, facts)
        verdict = cases.always or _in_context(book, cases, actor, asked, context)
    if verdict.outcome == "allow" and (
        actor.scopes is not None or "roles" in context or facts.restricted_to is not None
    ):
        return _capped(verdict, actor, action, context)
    return verdict


def _open(book: PolicyBook, principal: PrincipalFacts, action: str, facts: ResourceFacts) -> Cases:
    """Decide a class for the first time, or find out what of the context it depends on."""
    refused = standing_refusal(book.tenant, principal, action, facts)
    if refused is not None:
        code, reason = refused
        always = Verdict("deny_invariant", code, reason, (), (), book.version, principal, facts)
        cases = Cases(None, always)
    else:
        found = book.slice_for(principal, action, facts)
        cases = Cases(found)
        if not found.reads:
            cases.always = _evaluate(book, cases, (principal, action, facts), None)
    book.remember((principal, action, facts), cases)
    return cases


def _in_context(
    book: PolicyBook,
    cases: Cases,
    actor: Actor,
    asked: tuple[PrincipalFacts, str, ResourceFacts],
    context: Mapping[str, Any],
) -> Verdict:
    assert cases.slice is not None  # noqa: S101  # a class without a slice has one answer for all
    reads = cases.slice.reads
    values = tuple(context_value(name, actor, context) for name in reads)
    verdict = cases.by_context.get(values)
    if verdict is None:
        if len(cases.by_context) >= MAX_CASES:
            cases.by_context.clear()
        verdict = _evaluate(book, cases, asked, context_document(reads, values))
        cases.by_context[values] = verdict
    return verdict


def _evaluate(
    book: PolicyBook,
    cases: Cases,
    asked: tuple[PrincipalFacts, str, ResourceFacts],
    context: str | None,
) -> Verdict:
    """L1 to L3, from what Cedar says of each rule."""
    principal, action, facts = asked
    found = cases.slice
    assert found is not None  # noqa: S101  # as above
    answer, beside, faults = _ask(book, found, asked, context)
    outcome, code, reason, determining = _combine(book, asked, answer)
    allows = outcome == "allow"
    if allows:
        determining += tuple(f"override:{one.id}" for one in beside.overridden)
    if outcome == "deny_error" and determining not in book.alarmed:
        book.alarmed.add(determining)
        extra = {"tenant_id": book.tenant[0], "action": action, "rules": list(determining)}
        logger.error("policy.failed", extra=extra)
    faults += [PolicyFault(broken.source.label, broken.fault.message) for broken in book.broken]
    return Verdict(
        outcome,
        code,
        reason,
        determining,
        tuple(faults),
        book.version,
        principal,
        facts,
        found.reads,
        _ends(book, asked, determining, beside) if allows else None,
        advised=beside.advised if allows else (),
        shadow=_would_change(outcome, beside),
    )


def _ask(
    book: PolicyBook,
    found: Slice,
    asked: tuple[PrincipalFacts, str, ResourceFacts],
    context: str | None,
) -> tuple[Answer, Beside, list[PolicyFault]]:
    """What the deciding rules say, soft forbids among them; what the others do; all that failed."""
    beside, others = Beside(), Answer()
    try:
        answer = book.ask(found, *asked, context)
        if found.beside is not None:
            others = book.ask(found.beside, *asked, context)
    except ValueError as error:  # what Cedar cannot even read: never an allow
        answer = Answer(refusal=str(error))
    if others.refusal is not None and answer.refusal is None:
        answer = Answer(refusal=others.refusal)
    if found.beside is not None:
        beside = weigh(others, book.overriding(), asked)
        if answer.refusal is None:
            failed = answer.failed + beside.failed
            answer = Answer(answer.matched + beside.soft, failed)
    faults = [PolicyFault(rule.label, told) for rule, told in (*answer.failed, *others.failed)]
    return answer, beside, list(dict.fromkeys(faults))


def _would_change(outcome: Outcome, beside: Beside) -> tuple[str, ...]:
    """The shadow rules without which, were they hard, it would have come out otherwise."""
    if outcome == "allow":
        found = [rule.label for rule in beside.shadow if rule.is_forbid]
    elif outcome == "deny_no_match":
        found = [rule.label for rule in beside.shadow if not rule.is_forbid]
    else:
        found = []
    if any(rule.is_forbid for rule in beside.shadow) and outcome != "allow":
        found = []  # a forbid among them would refuse all the same
    return tuple(sorted(found))


# Outcome, code, reason, determining.
Grounds = tuple[Outcome, str, str, tuple[str, ...]]


def _combine(
    book: PolicyBook, asked: tuple[PrincipalFacts, str, ResourceFacts], answer: Answer
) -> Grounds:
    if answer.refusal is not None:
        reason = f"The request could not be evaluated: {answer.refusal}"
        return "deny_error", "not_evaluated", reason, ()
    return (
        _forbidden(answer)
        or _in_doubt(book, asked, answer)
        or _permitted(book, asked, answer)
        or ("deny_no_match", "no_match", f"No role, grant or policy allows {asked[1]} here.", ())
    )


def _forbidden(answer: Answer) -> Grounds | None:
    forbids = [rule for rule in answer.matched if rule.is_forbid]
    if not forbids:
        return None
    labels = tuple(sorted(rule.label for rule in forbids))
    return "deny_forbid", "forbidden", f"Forbidden by {forbids[0].source.title}.", labels


def _in_doubt(
    book: PolicyBook, asked: tuple[PrincipalFacts, str, ResourceFacts], answer: Answer
) -> Grounds | None:
    """A rule that might have forbidden: it failed, or its text can no longer be read."""
    failed = [rule for rule, _ in answer.failed if rule.is_forbid]
    if failed:
        reason = f"{failed[0].source.title} could not be evaluated, and what may forbid refuses."
        labels = tuple(sorted(rule.label for rule in failed))
        return "deny_error", "forbid_failed", _sentence(reason), labels
    if book.broken and not is_emergency(asked[0], asked[1]):
        source = book.broken[0].source
        reason = f"{source.title} can no longer be read, and what may forbid refuses."
        return "deny_error", "policy_broken", _sentence(reason), (source.label,)
    return None


def _permitted(
    book: PolicyBook, asked: tuple[PrincipalFacts, str, ResourceFacts], answer: Answer
) -> Grounds | None:
    granted = tuple([f"grant:{grant.id}" for grant in book.grants.covering(*asked)])
    if answer.matched:
        labels = tuple(sorted(rule.label for rule in answer.matched))
        reason = f"Allowed by {answer.matched[0].source.title}."
        return "allow", "permitted", reason, labels + granted
    return ("allow", "granted", "Allowed by a grant.", granted) if granted else None


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _ends(
    book: PolicyBook,
    asked: tuple[PrincipalFacts, str, ResourceFacts],
    determining: tuple[str, ...],
    beside: Beside,
) -> datetime | None:
    """When what alone allows it ends: the last of its grants, where no rule permits it, and the
    first override it needs. None where it lasts.
    """
    ends = [one.ends_at for one in beside.overridden]
    if all(label.startswith(("grant:", "override:")) for label in determining):
        granted = [
            grant.ends_at
            for grant in book.grants.permitting(*asked)
            if f"grant:{grant.id}" in determining
        ]
        known = [moment for moment in granted if moment is not None]
        ends += [max(known)] if known and len(known) == len(granted) else []
    return min(ends, default=None)


def _capped(verdict: Verdict, actor: Actor, action: str, context: Mapping[str, Any]) -> Verdict:
    """The caps: they take away from what rules allow, and never add."""
    if not scope_allows(actor.scopes, action):
        reason = f"The credential's scopes do not include {action}."
        return _refused(verdict, "credential_scope", reason)
    refused = restriction_refusal(action, verdict.resource, context.get("purpose"))
    if refused is not None:
        return _refused(verdict, *refused)
    if "roles" in context:
        refused = giving_refusal(verdict.principal, verdict.resource, context["roles"])
        if refused is not None:
            return _refused(verdict, *refused)
    return verdict


def _refused(verdict: Verdict, code: str, reason: str) -> Verdict:
    return verdict._replace(outcome="deny_invariant", code=code, reason=reason, determining=())


def _delegated(
    book: PolicyBook,
    ours: Verdict,
    asked: tuple[str, Resource, Mapping[str, Any]],
    delegator: Actor | None,
) -> Verdict:
    """Delegation is an intersection: the record names both, and the answer is the stricter one."""
    if ours.outcome != "allow":
        return ours
    if delegator is None:
        reason = "The call names someone to act for who has not delegated to the caller."
        return _refused(ours, "not_delegated", reason)
    theirs = _verdict(book, delegator, *asked)
    if theirs.outcome != "allow":
        return theirs._replace(
            reason=f"On behalf of {delegator.name}: {theirs.reason}",
            principal=ours.principal,
            delegator=theirs.principal,
        )
    ends = [moment for moment in (ours.ends_at, theirs.ends_at, delegator.ends_at) if moment]
    return ours._replace(
        determining=tuple(dict.fromkeys((*ours.determining, *theirs.determining))),
        advised=tuple(dict.fromkeys((*ours.advised, *theirs.advised))),
        shadow=tuple(dict.fromkeys((*ours.shadow, *theirs.shadow))),
        reads=(*ours.reads, *theirs.reads),
        delegator=theirs.principal,
        ends_at=min(ends, default=None),
    )
