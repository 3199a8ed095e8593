"""What the API shows of scans, results, findings and exceptions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.compliance.lifecycle import Standing as Now
from governance.compliance.lifecycle import is_lapsed
from governance.compliance.models import AcceptedRisk, CheckResult, Finding, FindingEvent, Scan
from governance.compliance.queries import Standing
from stateward.kernel.clock import now, rfc3339


def moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at is not None else None


def scan_body(scan: Scan) -> dict[str, Any]:
    return {
        "id": str(scan.id),
        "trigger": scan.trigger,
        "check": scan.check_id or None,
        "asked_by": {
            "type": scan.asked_by_type,
            "id": str(scan.asked_by_id),
            "name": scan.asked_by_name,
        },
        "run": str(scan.run_id) if scan.run_id else None,
        "started_at": rfc3339(scan.started_at),
        "finished_at": moment(scan.finished_at),
        "rules_sha256": scan.rules_sha256,
        "audit_record": str(scan.record_id) if scan.record_id else None,
        "counts": {
            "passed": scan.passed,
            "failed": scan.failed,
            "accepted": scan.accepted,
            "not_applicable": scan.not_applicable,
            "insufficient": scan.insufficient,
            "errors": scan.errors,
        },
    }


def result_body(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.check_id,
        "version": result.check_version,
        "scan": str(result.scan_id),
        "at": rfc3339(result.at),
        "outcome": result.outcome,
        "said": result.said,
        "population": result.population,
        "failing": result.failing,
        "accepted": result.accepted,
        "items": result.items,
        "evidence": result.evidence,
        "duration_ms": result.duration_ms,
    }


def check_body(standing: Standing) -> dict[str, Any]:
    check = standing.check
    return {
        "id": check.id,
        "title": check.title,
        "area": check.area,
        "severity": check.severity,
        "version": check.version,
        "proves": check.proves,
        "does_not_prove": check.does_not_prove,
        "last": result_body(standing.last) if standing.last else None,
    }


def finding_body(finding: Finding) -> dict[str, Any]:
    lapsed = is_lapsed(Now(finding.status, finding.accepted_until), now())
    return {
        "id": str(finding.id),
        "check": finding.check_id,
        "severity": finding.severity,
        "status": "open" if lapsed else finding.status,
        "item": {
            "kind": finding.item_kind,
            "id": finding.item_id,
            "label": finding.item_label,
        },
        "detail": finding.detail,
        "first_seen_at": rfc3339(finding.first_seen_at),
        "last_seen_at": rfc3339(finding.last_seen_at),
        "resolved_at": moment(finding.resolved_at),
        "regressed_at": moment(finding.regressed_at),
        "regressions": finding.regressions,
        "accepted_until": moment(finding.accepted_until),
        "owner": {"id": str(finding.owner_id), "name": finding.owner_name}
        if finding.owner_id
        else None,
        "due_on": finding.due_on.isoformat() if finding.due_on else None,
    }


def event_body(event: FindingEvent) -> dict[str, Any]:
    return {
        "event": event.event,
        "at": rfc3339(event.at),
        "actor": {"type": event.actor_type, "id": str(event.actor_id), "name": event.actor_name},
        "scan": str(event.scan_id) if event.scan_id else None,
        "audit_record": str(event.record_id) if event.record_id else None,
        "details": event.details,
    }


def exception_body(risk: AcceptedRisk) -> dict[str, Any]:
    return {
        "id": str(risk.id),
        "finding": str(risk.finding_id),
        "check": risk.finding.check_id,
        "reason": risk.reason,
        "owner": {"id": str(risk.owner_id), "name": risk.owner_name},
        "created_at": rfc3339(risk.created_at),
        "created_by": {
            "type": risk.created_by_type,
            "id": str(risk.created_by_id),
            "name": risk.created_by_name,
        },
        "expires_at": rfc3339(risk.expires_at),
        "in_force": risk.ended_at is None and risk.expires_at > now(),
        "ended_at": moment(risk.ended_at),
        "ended_as": risk.ended_as or None,
    }
