"""What findings come to for a namespace: a suggestion, a raise, or nothing.

A machine only ever raises, and only where the rule says so; else it suggests, and what somebody
dismissed it does not suggest again unless more speaks for it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Sum
from django.db.models.functions import Now

from governance.classification.advice import (
    RANK,
    Advice,
    Tally,
    Wanted,
    advise,
    governing,
    says_more,
    wanted_of,
)
from governance.classification.models import (
    ClassificationFinding,
    ClassificationRule,
    ClassificationSuggestion,
)
from stateward.gate.audit.record import append, compose
from stateward.state.models import Namespace
from stateward.state.services.namespaces import raise_classification
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow


def wanted_for(tenant_id: UUID, namespace: str) -> Wanted:
    """What the governing rule says of the namespace; what ships where there is none."""
    rules = ClassificationRule.objects.filter(tenant_id=tenant_id)
    rule = governing(namespace, [(one.namespace, one) for one in rules])
    return Wanted() if rule is None else wanted_by(rule)


def wanted_by(rule: ClassificationRule) -> Wanted:
    return wanted_of(
        rule.kinds, min_score=rule.min_score, min_entries=rule.min_entries, acts=rule.acts,
        follows=rule.follows, sample_percent=rule.sample_percent,
    )  # fmt: skip


def tallies_of(tenant_id: UUID, namespace_id: UUID, min_score: int = 0) -> list[Tally]:
    """What is known of the namespace, by kind."""
    rows = (
        ClassificationFinding.objects.filter(
            tenant_id=tenant_id, namespace_id=namespace_id, score__gte=min_score
        )
        .values("kind")
        .annotate(entries=Count("key", distinct=True), findings=Sum("times"), best=Max("score"))
        .order_by("kind")
    )
    return [Tally(one["kind"], one["entries"], one["findings"], one["best"]) for one in rows]


def settle(actor: Actor, call: Call, namespace_id: UUID) -> str:
    """Bring the namespace's suggestion to what is known now, in the caller's transaction; what was
    done: ``raised``, ``suggested``, ``void`` or "".
    """
    tenant_id = actor.tenant_id
    namespace = (
        Namespace.objects.select_for_update()
        .filter(tenant_id=tenant_id, id=namespace_id, deleted_at=None)
        .first()
    )
    if namespace is None:
        return ""
    wanted = wanted_for(tenant_id, namespace.name)
    tallies = tallies_of(tenant_id, namespace_id, wanted.min_score)
    advice = advise(namespace.classification, tallies, wanted)
    suggestions = ClassificationSuggestion.objects.filter(
        tenant_id=tenant_id, namespace_id=namespace_id
    )
    known = suggestions.filter(state="open").first()
    if advice is None:
        return _void(known)
    if wanted.acts == "raise":
        return _raise(actor, call, namespace, advice, known)
    if known is None and _is_dismissed(suggestions, advice):
        return ""
    return _suggest(actor, call, namespace, advice, known)


def _void(known: ClassificationSuggestion | None) -> str:
    if known is None:
        return ""
    known.state, known.updated_at = "void", Now()
    known.save(update_fields=["state", "updated_at"])
    return "void"


def _is_dismissed(suggestions: Any, advice: Advice) -> bool:
    last = suggestions.filter(state="dismissed").order_by("-id").first()
    if last is None:
        return False
    return not says_more(advice, last.to, (one["kind"] for one in last.kinds))


def _raise(
    actor: Actor,
    call: Call,
    namespace: Namespace,
    advice: Advice,
    known: ClassificationSuggestion | None,
) -> str:
    was = namespace.classification
    raise_classification(
        actor, call, namespace, advice.to,
        reason="Found by a scan, and raised as the namespace's classification rule says.",
        details={"kinds": [one.kind for one in advice.kinds], "score": advice.score},
    )  # fmt: skip
    made = known or ClassificationSuggestion(tenant_id=actor.tenant_id, namespace=namespace)
    _fill(made, advice, was)
    made.state, made.decided_at = "raised", Now()
    made.decided_by_type, made.decided_by_id = actor.type, actor.id
    made.decided_by_name = actor.name
    made.save()
    return "raised"


def _suggest(
    actor: Actor,
    call: Call,
    namespace: Namespace,
    advice: Advice,
    known: ClassificationSuggestion | None,
) -> str:
    made = known or ClassificationSuggestion(tenant_id=actor.tenant_id, namespace=namespace)
    is_new = known is None or RANK[advice.to] != RANK[known.to]
    _fill(made, advice, namespace.classification)
    made.save()
    if is_new:
        _note(actor, call, namespace, made)
    return "suggested" if known is None else ""


def _fill(made: ClassificationSuggestion, advice: Advice, was: str) -> None:
    made.was, made.to, made.score = was, advice.to, advice.score
    made.kinds, made.updated_at = advice.as_json(), Now()


def _note(actor: Actor, call: Call, namespace: Namespace, made: ClassificationSuggestion) -> None:
    draft = compose(
        actor=actor,
        call=call,
        action="classification.scan",
        resource_type="namespace",
        resource_id=str(namespace.id),
        reason="Findings ask for a higher classification.",
        namespace_id=namespace.id,
        classification=namespace.classification,
        extra={
            "event": "classification.suggested", "suggestion": str(made.id), "to": made.to,
            "score": made.score, "kinds": [one["kind"] for one in made.kinds],
        },
    )  # fmt: skip
    run_flow(append(draft))
