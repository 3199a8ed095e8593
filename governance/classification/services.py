"""Asking for scans, deciding on suggestions, setting rules: decided, recorded, in the caller's
transaction and the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from governance.classification.acts import resource_for
from governance.classification.exceptions import (
    ClassificationRuleExists,
    NoSuchClassificationRule,
    NoSuchScan,
    NoSuchSuggestion,
    ScanUnderWay,
    SuggestionDecided,
)
from governance.classification.models import (
    ACTS,
    COVERAGES,
    SCAN_OPEN,
    ClassificationRule,
    ClassificationScan,
    ClassificationSuggestion,
)
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault, Unprocessable, unfit
from stateward.operations.jobs import services as jobs
from stateward.operations.jobs.exceptions import AlreadyOver, NoSuchRun
from stateward.state.detectors.kinds import GROUPS, KINDS
from stateward.state.naming import is_namespace_name
from stateward.state.services.namespaces import find_namespace, resource_of, update_namespace
from stateward.tenancy.actors import Actor, Call

FASTEST = 100_000  # entries a second
MOST_AT_ONCE = 200  # suggestions that are decided together
FIELDS = ("kinds", "acts", "min_score", "min_entries", "follows", "sample_percent")


def start_scan(
    actor: Actor,
    call: Call,
    *,
    namespace: str = "",
    coverage: str = "full",
    sample_percent: int = 10,
    entries_per_second: int = 1000,
) -> ClassificationScan:
    """Queue a look through a namespace, or all of the tenant's. ScanUnderWay (409) while one of the
    same is open.
    """
    if namespace:
        find_namespace(actor, call, namespace)
    decision = permit(actor, call, "classification.manage", resource_for(actor, namespace))
    _check_range("coverage", coverage in COVERAGES, f"one of {', '.join(COVERAGES)}")
    _check_range("sample_percent", 1 <= sample_percent <= 100, "from 1 to 100")
    _check_range("entries_per_second", 1 <= entries_per_second <= FASTEST, f"from 1 to {FASTEST:,}")
    scans = ClassificationScan.objects.filter(tenant_id=actor.tenant_id, namespace=namespace)
    if scans.filter(state__in=SCAN_OPEN).exists():
        raise ScanUnderWay
    made = ClassificationScan.objects.create(
        tenant_id=actor.tenant_id, namespace=namespace, coverage=coverage,
        sample_percent=sample_percent if coverage == "sample" else 100,
        entries_per_second=entries_per_second,
        actor_type=actor.type, actor_id=actor.id, actor_name=actor.name,
    )  # fmt: skip
    made.job_run = jobs.start(
        "classification.scan",
        tenant_id=actor.tenant_id,
        params={"scan": str(made.id), "namespace": namespace},
        actor=actor,
    )
    made.save(update_fields=["job_run"])
    _record(call, decision, "classification.scan_started", made.id, namespace, coverage=coverage)
    made.refresh_from_db()
    return made


def cancel_scan(actor: Actor, call: Call, scan_id: UUID) -> ClassificationScan:
    """Have a scan end at its next page: what it found until then stays."""
    found = find_scan(actor, call, scan_id)
    decision = permit(actor, call, "classification.manage", resource_for(actor, found.namespace))
    if not found.is_open:
        raise AlreadyOver
    try:
        how = jobs.cancel(found.job_run, tenant_id=actor.tenant_id, actor=actor)  # type: ignore[arg-type]  # an open one has a run
    except (AlreadyOver, NoSuchRun):
        how = "cancelled"
    if how != "asked":
        found.state, found.finished_at = "cancelled", Now()
        found.save(update_fields=["state", "finished_at"])
    _record(call, decision, "classification.scan_cancelled", found.id, found.namespace)
    found.refresh_from_db()
    return found


def find_scan(actor: Actor, call: Call, scan_id: UUID) -> ClassificationScan:
    found = ClassificationScan.objects.filter(tenant_id=actor.tenant_id, id=scan_id).first()
    if found is None:
        raise NoSuchScan
    permit(actor, call, "classification.read", resource_for(actor, found.namespace), hide=True)
    return found


def decide(
    actor: Actor, call: Call, suggestion_ids: Sequence[UUID], *, verdict: str, reason: str = ""
) -> list[ClassificationSuggestion]:
    """Accept suggestions, which raises their namespaces, or dismiss them, for a reason; all or
    none. SuggestionDecided (409) where one is not open any more.
    """
    if not 0 < len(suggestion_ids) <= MOST_AT_ONCE:
        raise unfit("ids", f"1 to {MOST_AT_ONCE}")
    if verdict == "dismiss" and not reason.strip():
        raise unfit("reason", "say why it need not be kept more closely")
    act = {"accept": _accept, "dismiss": _dismiss}.get(verdict)
    if act is None:
        raise unfit("verdict", "accept or dismiss")
    # In the order of their ids, so that two who decide at once cannot deadlock.
    return [act(actor, call, one, reason.strip()) for one in sorted(set(suggestion_ids))]


def _accept(actor: Actor, call: Call, number: UUID, reason: str) -> ClassificationSuggestion:
    found, decision = _open(actor, call, number)
    update_namespace(actor, call, found.namespace.name, {"classification": found.to})
    return _decided(actor, call, found, decision, state="accepted", reason=reason)


def _dismiss(actor: Actor, call: Call, number: UUID, reason: str) -> ClassificationSuggestion:
    found, decision = _open(actor, call, number)
    return _decided(actor, call, found, decision, state="dismissed", reason=reason)


def _open(actor: Actor, call: Call, number: UUID) -> tuple[ClassificationSuggestion, Decision]:
    """An open suggestion under lock, and what allows deciding on it."""
    found = (
        ClassificationSuggestion.objects.select_for_update(of=("self",))
        .select_related("namespace")
        .filter(tenant_id=actor.tenant_id, id=number)
        .first()
    )
    if found is None:
        raise NoSuchSuggestion
    about = resource_of(found.namespace)
    decision = permit(actor, call, "classification.manage", about, known_by="classification.read")
    if found.state != "open" or found.namespace.deleted_at is not None:
        raise SuggestionDecided
    return found, decision


def _decided(
    actor: Actor,
    call: Call,
    found: ClassificationSuggestion,
    decision: Decision,
    *,
    state: str,
    reason: str,
) -> ClassificationSuggestion:
    found.state, found.reason, found.decided_at = state, reason, Now()
    found.decided_by_type, found.decided_by_id = actor.type, actor.id
    found.decided_by_name = actor.name
    found.save()
    details = {"suggestion": str(found.id), "to": found.to, "why": reason}
    _record(call, decision, f"classification.{state}", found.namespace_id, "", **details)
    found.refresh_from_db()
    return found


def set_rule(
    actor: Actor,
    call: Call,
    fields: Mapping[str, Any],
    *,
    namespace: str | None = None,
    rule_id: UUID | None = None,
) -> ClassificationRule:
    """A new rule about ``namespace`` and what is beneath it, or other terms for one that is there.
    ClassificationRuleExists (409) where the namespace has one.
    """
    if rule_id is not None:
        rule = _find_rule(actor, rule_id)
    else:
        rule = ClassificationRule(tenant_id=actor.tenant_id, namespace=namespace or "")
        if namespace and not is_namespace_name(namespace):
            raise unfit("namespace", "not a name that a namespace can have")
    about = resource_for(actor, rule.namespace)
    decision = permit(actor, call, "classification.manage", about, known_by="classification.read")
    _check_terms(fields)
    for name in FIELDS:
        if name in fields:
            setattr(rule, name, fields[name])
    rule.set_by_type, rule.set_by_id, rule.set_by_name = actor.type, actor.id, actor.name
    rule.updated_at = Now()
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise ClassificationRuleExists from None
    terms = {name: getattr(rule, name) for name in FIELDS}
    _record(call, decision, "classification.rule_set", rule.id, rule.namespace, **terms)
    rule.refresh_from_db()
    return rule


def drop_rule(actor: Actor, call: Call, rule_id: UUID) -> None:
    rule = _find_rule(actor, rule_id)
    about = resource_for(actor, rule.namespace)
    decision = permit(actor, call, "classification.manage", about, known_by="classification.read")
    rule.delete()
    _record(call, decision, "classification.rule_dropped", rule_id, rule.namespace)


def _find_rule(actor: Actor, rule_id: UUID) -> ClassificationRule:
    rules = ClassificationRule.objects.select_for_update()
    found = rules.filter(tenant_id=actor.tenant_id, id=rule_id).first()
    if found is None:
        raise NoSuchClassificationRule
    return found


def _check_terms(fields: Mapping[str, Any]) -> None:
    unknown = [one for one in fields.get("kinds", ()) if one not in KINDS and one not in GROUPS]
    if unknown:
        raise Unprocessable(
            "kinds: not kinds that are looked for.",
            errors=tuple(Fault("/kinds", f"{one[:40]!r} is not looked for") for one in unknown[:5]),
        )
    _check_range("acts", fields.get("acts", "suggest") in ACTS, f"one of {', '.join(ACTS)}")
    _check_range("min_score", 1 <= fields.get("min_score", 60) <= 100, "from 1 to 100")
    _check_range("min_entries", 1 <= fields.get("min_entries", 1) <= 1_000_000, "at least 1")
    _check_range("sample_percent", 1 <= fields.get("sample_percent", 1) <= 100, "from 1 to 100")


def _check_range(name: str, is_right: bool, message: str) -> None:
    if not is_right:
        raise unfit(name, message)


def _record(
    call: Call, decision: Decision, event: str, about: UUID, namespace: str, **details: Any
) -> None:
    named = {"namespace": namespace} if namespace else {}
    record(
        call, decision, "classification.manage", ("classification", str(about)),
        {"event": event, **named, **details},
    )  # fmt: skip
