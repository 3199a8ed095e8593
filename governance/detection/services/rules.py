"""What a tenant changes of the rules, and what it does not want to hear of for a while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from governance.detection.exceptions import NotFit, SuppressionOver
from governance.detection.models import RuleSetting, Suppression
from governance.detection.rule import Rule
from governance.detection.rules import RULES
from governance.detection.services.alerts import check_owner
from governance.detection.settings import RuleInForce, in_force
from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, NotFound
from stateward.tenancy.actors import Actor, Call

LONGEST = timedelta(days=90)
CHANGEABLE = ("enabled", "severity", "owner", "thresholds")

MANAGE = "alert.manage"


def find_rule(name: str) -> Rule:
    rule = RULES.get(name)
    if rule is None or "tenant" not in rule.of:
        raise NotFound
    return rule


def change_rule(*, actor: Actor, call: Call, name: str, fields: Mapping[str, Any]) -> RuleInForce:
    """Set a rule for this tenant: on or off, severity, owner, thresholds within their bounds."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    rule = find_rule(name)
    setting, _ = RuleSetting.objects.select_for_update(of=("self",)).get_or_create(
        tenant_id=actor.tenant_id, rule=name, defaults={"changed_by": actor.name[:254]}
    )
    before = _told(in_force(rule, setting))
    if "thresholds" in fields:
        setting.thresholds = setting.thresholds | _checked(rule, fields["thresholds"])
    if "owner" in fields:
        check_owner(actor.tenant_id, fields["owner"])
        setting.owner_id = fields["owner"]
    setting.enabled = fields.get("enabled", setting.enabled)
    setting.severity = fields.get("severity", setting.severity)
    setting.changed_at, setting.changed_by = Now(), actor.name[:254]
    setting.save()
    setting.refresh_from_db()
    now = in_force(rule, setting)
    details = {"rule": name, "before": before, "after": _told(now)}
    record(call, decision, MANAGE, ("rule", name), {"event": "detection.rule_changed", **details})
    return now


def reset_rule(*, actor: Actor, call: Call, name: str) -> RuleInForce:
    """Put a rule back to how it ships."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    rule = find_rule(name)
    RuleSetting.objects.filter(tenant_id=actor.tenant_id, rule=name).delete()
    details = {"rule": name}
    record(call, decision, MANAGE, ("rule", name), {"event": "detection.rule_reset", **details})
    return in_force(rule, None)


def suppress(*, actor: Actor, call: Call, fields: Mapping[str, Any]) -> Suppression:
    """Hold back a rule's alerts, about one subject or any, until an end at most 90 days away."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    rule = find_rule_named(fields["rule"])
    kind, about = fields.get("subject_type", ""), fields.get("subject_id", "")
    if bool(kind) != bool(about):
        raise _not_fit("subject_id", "given together with subject_type, or neither")
    if not fields["reason"].strip():
        raise _not_fit("reason", "says why nobody needs to hear of it")
    _check_end(fields["ends_at"])
    made = Suppression.objects.create(
        tenant_id=actor.tenant_id,
        rule=rule.name,
        subject_type=kind,
        subject_id=about,
        reason=fields["reason"],
        ends_at=fields["ends_at"],
        created_by=actor.name[:254],
    )
    details = {
        "rule": rule.name,
        "subject": f"{kind}:{about}" if kind else "any",
        "ends_at": rfc3339(made.ends_at),
        "reason": made.reason,
    }
    record(
        call,
        decision,
        MANAGE,
        ("suppression", str(made.id)),
        {"event": "detection.suppressed", **details},
    )
    return Suppression.objects.get(id=made.id)


def lift_suppression(*, actor: Actor, call: Call, suppression_id: UUID) -> Suppression:
    """End a suppression now."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    rows = Suppression.objects.select_for_update()
    found = rows.filter(tenant_id=actor.tenant_id, id=suppression_id).first()
    if found is None:
        raise NotFound
    if found.ends_at <= _database_now():
        raise SuppressionOver
    found.ends_at = Now()
    found.save(update_fields=["ends_at"])
    details = {"rule": found.rule, "held_back": found.suppressed}
    record(
        call,
        decision,
        MANAGE,
        ("suppression", str(found.id)),
        {"event": "detection.unsuppressed", **details},
    )
    found.refresh_from_db()
    return found


def find_rule_named(name: str) -> Rule:
    """The rule that a body names: 422 where there is none."""
    try:
        return find_rule(name)
    except NotFound:
        raise _not_fit("rule", "no rule of this name") from None


def _checked(rule: Rule, given: Mapping[str, Any]) -> dict[str, int]:
    known = {one.name: one for one in rule.thresholds}
    for name, value in given.items():
        threshold = known.get(name)
        if threshold is None:
            raise _not_fit(f"thresholds/{name}", "this rule has no threshold of this name")
        if not threshold.least <= value <= threshold.most:
            bounds = f"from {threshold.least} to {threshold.most}"
            raise _not_fit(f"thresholds/{name}", f"a whole number {bounds}")
    return dict(given)


def _check_end(ends_at: datetime) -> None:
    now = _database_now()
    if not now < ends_at <= now + LONGEST:
        raise _not_fit("ends_at", f"in the future, at most {LONGEST.days} days from now")


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now


def _told(rule: RuleInForce) -> dict[str, Any]:
    return {
        "enabled": rule.enabled,
        "severity": rule.severity,
        "owner": str(rule.owner_id) if rule.owner_id else None,
        "thresholds": dict(rule.thresholds),
    }


def _not_fit(member: str, message: str) -> NotFit:
    return NotFit(f"{member}: {message}.", errors=(Fault(f"/{member}", message),))
