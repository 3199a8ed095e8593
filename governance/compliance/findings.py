"""Findings brought up to date by one check's answer. In the tenant's scope and one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from governance.compliance.acts import own_call, record, scanner
from governance.compliance.lifecycle import Standing, Step, reconcile
from governance.compliance.models import AcceptedRisk, Finding, FindingEvent, Scan
from governance.compliance.registry import Check
from governance.compliance.results import Answer, Item
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Tenant

MOST_NAMED = 50  # findings of one kind of step that an audit record names; all are counted
BATCH = 500


def bring_up_to_date(
    tenant: Tenant, scan: Scan, check: Check, answer: Answer, now: datetime
) -> list[dict[str, Any]]:
    """Open, resolve and reopen what the answer says; the failing items as the result keeps them."""
    known = {
        finding.item_id: finding
        for finding in Finding.objects.select_for_update().filter(
            tenant_id=tenant.id, check_id=check.id
        )
    }
    seen = {item.id: item for item in answer.items}
    standing = {
        item_id: Standing(finding.status, finding.accepted_until)
        for item_id, finding in known.items()
    }
    steps = reconcile(standing, seen, is_conclusive=answer.is_conclusive, now=now)
    changed = []
    for step in steps:
        finding = known.get(step.item_id) or Finding(
            id=uuid7(),
            tenant=tenant,
            check_id=check.id,
            item_id=step.item_id,
            first_seen_at=now,
            first_scan_id=scan.id,
        )
        if step.item_id in seen:
            _see(finding, seen[step.item_id], check, scan, now)
        _step(finding, step, now)
        changed.append(finding)
    _write(known, changed)
    _tell(tenant, scan, check, changed, steps)
    return [
        {
            **seen[finding.item_id].as_json(),
            "finding": str(finding.id),
            "status": finding.status,
            "owner": finding.owner_name,
        }
        for finding in changed
        if finding.item_id in seen
    ]


def _see(finding: Finding, item: Item, check: Check, scan: Scan, now: datetime) -> None:
    finding.item_kind, finding.item_label = item.kind, item.label
    finding.detail, finding.severity = item.detail, check.severity
    finding.last_seen_at, finding.last_scan_id = now, scan.id


def _step(finding: Finding, step: Step, now: datetime) -> None:
    finding.status = step.status
    if step.event == "regressed":
        finding.regressions += 1
        finding.regressed_at, finding.resolved_at = now, None
    elif step.event == "resolved":
        finding.resolved_at = now
    if step.event is not None:
        finding.accepted_until = None


def _write(known: Mapping[str, Finding], changed: Sequence[Finding]) -> None:
    new = [finding for finding in changed if finding.item_id not in known]
    old = [finding for finding in changed if finding.item_id in known]
    Finding.objects.bulk_create(new, batch_size=BATCH)
    fields = (
        "item_kind", "item_label", "detail", "severity", "status", "accepted_until",
        "last_seen_at", "last_scan_id", "resolved_at", "regressed_at", "regressions",
    )  # fmt: skip
    Finding.objects.bulk_update(old, fields, batch_size=BATCH)


def _tell(
    tenant: Tenant, scan: Scan, check: Check, changed: Sequence[Finding], steps: Sequence[Step]
) -> None:
    """What changed goes into the findings' history and, as one record, into the audit; an exception
    that the change ended is closed.
    """
    events = [
        (step.event, finding) for step, finding in zip(steps, changed, strict=True) if step.event
    ]
    if not events:
        return
    by = scanner(tenant.id, tenant.slug)
    named: dict[str, Any] = {}
    for event, finding in events:
        ids = named.setdefault(event, {"count": 0, "findings": []})
        ids["count"] += 1
        if len(ids["findings"]) < MOST_NAMED:
            ids["findings"].append(str(finding.id))
    details = {"scan": str(scan.id), "check": check.id, **named}
    record_id = record(by, own_call(), "compliance.findings_changed", None, details)
    FindingEvent.objects.bulk_create(
        [
            event_of(finding, event, by, record_id, scan_id=scan.id, details={})
            for event, finding in events
        ],
        batch_size=BATCH,
    )
    for event, as_what in (("exception_expired", "expired"), ("resolved", "resolved")):
        ended = [finding.id for name, finding in events if name == event]
        AcceptedRisk.objects.filter(
            tenant_id=tenant.id, finding_id__in=ended, ended_at__isnull=True
        ).update(ended_at=Now(), ended_as=as_what, ended_by_name=by.name)


def event_of(
    finding: Finding,
    event: str,
    by: Actor,
    record_id: UUID,
    *,
    details: Mapping[str, Any],
    scan_id: UUID | None = None,
) -> FindingEvent:
    """One step of a finding's history, not yet written."""
    return FindingEvent(
        tenant_id=finding.tenant_id,
        finding=finding,
        event=event,
        actor_type=by.type,
        actor_id=by.id,
        actor_name=by.name,
        scan_id=scan_id,
        record_id=record_id,
        details=dict(details),
    )
