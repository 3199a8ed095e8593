"""What people do about compliance: ask for a scan, work on a finding, accept its risk for a time.

Nobody resolves a finding: the next scan does, or it does not. Each act locks the finding first, so
that two people who act on one follow each other, and is on record in its history and in the audit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models.functions import Now

from governance.compliance.acts import permit, record
from governance.compliance.exceptions import ExceptionOver, FindingResolved, RiskAccepted
from governance.compliance.findings import event_of
from governance.compliance.lifecycle import Standing, is_lapsed
from governance.compliance.models import AcceptedRisk, Finding, Scan
from governance.compliance.registry import find_check
from governance.compliance.scanning import database_time, new_scan
from governance.compliance.thresholds import THRESHOLDS
from stateward.gate.policy.requests import Decision
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import NotFound, unfit
from stateward.operations.jobs.services import start
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Member, Tenant
from stateward.tenancy.scope import tenant_scope

MANAGE = "compliance.manage"
MAX_REASON = 2_000
LEAST_REASON = 10


class Unchanged:
    """What was not given, where None takes something away."""


UNCHANGED: Final = Unchanged()


def ask_for_scan(actor: Actor, call: Call, *, check_id: str = "") -> Scan:
    """Start a scan of everything, or of one check, as a job. 422 for a check that there is not."""
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, MANAGE)
        if check_id and find_check(check_id) is None:
            raise unfit("check", "there is no check of this id")
        tenant = Tenant.objects.get(id=actor.tenant_id)
        scan = new_scan(tenant, by=actor, trigger="asked", check_id=check_id)
        params = {"scan": str(scan.id)}
        scan.run_id = start("compliance.scan", tenant_id=tenant.id, params=params, actor=actor)
        scan.save(update_fields=["run_id"])
        details = {"scan": str(scan.id), "check": check_id or None}
        record(actor, call, "compliance.scan_asked", decision, details)
        return Scan.objects.get(id=scan.id)


def change_finding(
    actor: Actor,
    call: Call,
    finding_id: UUID,
    *,
    status: str | None = None,
    owner_id: UUID | Unchanged | None = UNCHANGED,
    due_on: date | Unchanged | None = UNCHANGED,
) -> Finding:
    """Say who mends it, until when, and that somebody is at it."""
    with tenant_scope(actor.tenant_id):
        finding, decision = _locked(actor, call, finding_id)
        before = _facts(finding)
        if status is not None:
            _set_status(finding, status)
        if not isinstance(owner_id, Unchanged):
            finding.owner_id = owner_id
            finding.owner_name = _name_of(_member(actor, owner_id)) if owner_id else ""
        if not isinstance(due_on, Unchanged):
            if due_on is not None and due_on < database_time().date():
                raise unfit("due_on", "lies in the past")
            finding.due_on = due_on
        changes = {
            name: [value, _facts(finding)[name]]
            for name, value in before.items()
            if _facts(finding)[name] != value
        }
        if changes:
            finding.save()
            _tell(actor, call, finding, "changed", decision=decision, details={"changes": changes})
        return Finding.objects.get(id=finding.id)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why a risk is taken, until when, and who answers for it; None: whoever accepts it."""

    reason: str
    expires_at: datetime
    owner_id: UUID | None = None


def accept_risk(actor: Actor, call: Call, finding_id: UUID, acceptance: Acceptance) -> AcceptedRisk:
    """Take the finding's risk for a time. One that stands already is replaced."""
    with tenant_scope(actor.tenant_id):
        finding, decision = _locked(actor, call, finding_id)
        _check_acceptance(acceptance, database_time())
        owner_id = acceptance.owner_id
        if owner_id is None and actor.type != "member":
            raise unfit("owner", "a member must answer for it")
        owner = _member(actor, owner_id or actor.id)
        _end_standing(finding, "replaced", actor)
        risk = AcceptedRisk.objects.create(
            tenant_id=actor.tenant_id,
            finding=finding,
            reason=acceptance.reason.strip(),
            owner_id=owner.id,
            owner_name=_name_of(owner),
            created_by_type=actor.type,
            created_by_id=actor.id,
            created_by_name=actor.name,
            expires_at=acceptance.expires_at,
        )
        finding.status, finding.accepted_until = "accepted", acceptance.expires_at
        finding.save(update_fields=["status", "accepted_until"])
        details = {
            "exception": str(risk.id),
            "expires_at": rfc3339(acceptance.expires_at),
            "owner": str(owner.id),
        }
        personal = {"reason": risk.reason}
        _tell(
            actor,
            call,
            finding,
            "risk_accepted",
            decision=decision,
            details=details,
            personal=personal,
        )
        return AcceptedRisk.objects.get(id=risk.id)


def withdraw_exception(actor: Actor, call: Call, exception_id: UUID) -> AcceptedRisk:
    """End an exception before its day: the finding is open again."""
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, MANAGE)
        found = AcceptedRisk.objects.filter(tenant_id=actor.tenant_id, id=exception_id).first()
        if found is None:
            raise NotFound
        finding = Finding.objects.select_for_update().get(id=found.finding_id)
        if not _end_standing(finding, "withdrawn", actor, only=found.id):
            raise ExceptionOver
        finding.status, finding.accepted_until = "open", None
        finding.save(update_fields=["status", "accepted_until"])
        details = {"exception": str(found.id)}
        _tell(actor, call, finding, "exception_withdrawn", decision=decision, details=details)
        return AcceptedRisk.objects.get(id=found.id)


def _locked(actor: Actor, call: Call, finding_id: UUID) -> tuple[Finding, Decision | None]:
    """The finding under its row's lock. One that is resolved is not worked on."""
    decision = permit(actor, call, MANAGE)
    finding = (
        Finding.objects.select_for_update().filter(tenant_id=actor.tenant_id, id=finding_id).first()
    )
    if finding is None:
        raise NotFound
    if finding.status == "resolved":
        raise FindingResolved
    return finding, decision


def _set_status(finding: Finding, status: str) -> None:
    if status not in {"open", "in_progress"}:
        raise unfit("status", "open or in_progress; a scan resolves, an exception accepts")
    standing = Standing(finding.status, finding.accepted_until)
    if finding.status == "accepted" and not is_lapsed(standing, database_time()):
        raise RiskAccepted
    finding.status, finding.accepted_until = status, None


def _end_standing(finding: Finding, how: str, actor: Actor, *, only: UUID | None = None) -> bool:
    """End the exception that stands; whether there was one that had not passed its day."""
    standing = AcceptedRisk.objects.filter(finding=finding, ended_at__isnull=True)
    if only is not None:
        standing = standing.filter(id=only, expires_at__gt=Now())
    return bool(standing.update(ended_at=Now(), ended_as=how, ended_by_name=actor.name))


def _check_acceptance(acceptance: Acceptance, now: datetime) -> None:
    reason = acceptance.reason.strip()
    if not LEAST_REASON <= len(reason) <= MAX_REASON:
        raise unfit("reason", f"{LEAST_REASON} to {MAX_REASON:,} characters")
    days = int(THRESHOLDS["longest_exception_days"].value)
    if acceptance.expires_at <= now:
        raise unfit("expires_at", "lies in the past")
    if acceptance.expires_at > now + timedelta(days=days):
        raise unfit("expires_at", f"a risk is accepted for at most {days} days")


def _member(actor: Actor, member_id: UUID) -> Member:
    found = (
        Member.objects.filter(tenant_id=actor.tenant_id, id=member_id, is_active=True)
        .select_related("person")
        .first()
    )
    if found is None:
        raise unfit("owner", "there is no active member of this id")
    return found


def _name_of(member: Member) -> str:
    return member.person.name or member.person.email


def _facts(finding: Finding) -> dict[str, str | None]:
    """What people set, as history and audit show it."""
    return {
        "status": finding.status,
        "owner": str(finding.owner_id) if finding.owner_id else None,
        "due_on": finding.due_on.isoformat() if finding.due_on else None,
    }


def _tell(
    actor: Actor,
    call: Call,
    finding: Finding,
    event: str,
    *,
    decision: Decision | None,
    details: Mapping[str, Any],
    personal: Mapping[str, str] | None = None,
) -> None:
    about = {"finding": str(finding.id), "check": finding.check_id, **details}
    record_id = record(actor, call, f"compliance.{event}", decision, about, personal=personal)
    event_of(finding, event, actor, record_id, details=details).save(force_insert=True)
