"""Alerts, rules and suppressions as the API shows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from governance.detection.heartbeat import RULE as HEARTBEAT
from governance.detection.heartbeat import Beat
from governance.detection.models import Alert, AlertEvent, Suppression
from governance.detection.rule import Rule
from governance.detection.rules import RULES
from stateward.kernel.clock import rfc3339

MARGIN = timedelta(minutes=3)  # around what an alert counts, for its filter of the audit


def rule_of(alert: Alert) -> Rule:
    """An alert outlives its rule: one that is no more is shown as the heartbeat is."""
    return RULES.get(alert.rule, HEARTBEAT)


def audit_filter(alert: Alert) -> dict[str, str]:
    """What shows the alert's records: from before the first to after the last."""
    given = {name: str(value) for name, value in alert.asks.items()}
    return given | {
        "from": rfc3339(alert.first_at - MARGIN),
        "to": rfc3339(alert.last_at + MARGIN),
    }


def alert_body(alert: Alert) -> dict[str, Any]:
    rule = rule_of(alert)
    return {
        "id": str(alert.id),
        "rule": alert.rule,
        "title": rule.title,
        "said": alert.said,
        "severity": alert.severity,
        "state": alert.state,
        "subject": {
            "type": alert.subject_type,
            "id": alert.subject_id,
            "name": alert.subject_name,
        },
        "count": alert.count,
        "first_at": rfc3339(alert.first_at),
        "last_at": rfc3339(alert.last_at),
        "opened_at": rfc3339(alert.opened_at),
        "changed_at": rfc3339(alert.changed_at),
        "owner": str(alert.owner_id) if alert.owner_id else None,
        "tags": list(rule.tags),
        "audit": audit_filter(alert),
    }


def event_body(event: AlertEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "at": rfc3339(event.at),
        "event": event.event,
        "note": event.note,
        "actor": {"type": event.actor_type, "id": str(event.actor_id), "name": event.actor_name},
    }


def rule_body(beat: Beat) -> dict[str, Any]:
    one = beat.rule
    rule = one.rule
    return {
        "name": rule.name,
        "number": rule.number,
        "title": rule.title,
        "why": rule.why,
        "advice": rule.advice,
        "enabled": one.enabled,
        "severity": one.severity,
        "owner": str(one.owner_id) if one.owner_id else None,
        "thresholds": [
            {
                "name": threshold.name,
                "says": threshold.says,
                "value": one.thresholds[threshold.name],
                "usual": threshold.usual,
                "least": threshold.least,
                "most": threshold.most,
            }
            for threshold in rule.thresholds
        ],
        "tags": list(rule.tags),
        "interval_seconds": int(rule.interval.total_seconds()),
        "evaluated_at": _moment(beat.evaluated_at),
        "is_late": beat.is_late,
        "error": beat.error,
        "changed_at": _moment(one.changed_at),
        "changed_by": one.changed_by,
    }


def suppression_body(one: Suppression) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "rule": one.rule,
        "subject_type": one.subject_type,
        "subject_id": one.subject_id,
        "reason": one.reason,
        "ends_at": rfc3339(one.ends_at),
        "created_at": rfc3339(one.created_at),
        "created_by": one.created_by,
        "suppressed": one.suppressed,
    }


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
