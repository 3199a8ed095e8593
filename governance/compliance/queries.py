"""Reads of compliance. In the tenant's scope; whoever calls has decided (``permit_reading``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from governance.compliance.acts import permit
from governance.compliance.asking import rows
from governance.compliance.frameworks import Control, Framework
from governance.compliance.models import AcceptedRisk, CheckResult, Finding, Scan
from governance.compliance.registry import Check, all_checks
from stateward.gate.policy.requests import Decision
from stateward.tenancy.actors import Actor, Call

# An exception's end needs no scan: whoever asks after its day sees the finding open.
STANDING = Case(
    When(status="accepted", accepted_until__lte=Now(), then=Value("open")),
    default=F("status"),
    output_field=CharField(),
)
LONG = ("items", "position")  # of a result
MOST_COUNTED = 10_000
COUNTS = """
WITH sample AS MATERIALIZED (
    SELECT CASE WHEN status = 'accepted' AND accepted_until <= now() THEN 'open' ELSE status END
        AS standing, severity
    FROM stateward_compliance_finding WHERE tenant_id = %s AND status <> 'resolved'
    ORDER BY id DESC LIMIT %s)
SELECT standing, severity, count(*) FROM sample GROUP BY 1, 2
"""
GRAVITY = Case(
    *(
        When(severity=severity, then=Value(rank))
        for rank, severity in enumerate(("critical", "high", "medium", "low"))
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings; what is None is not asked about. ``status`` unresolved: all but resolved."""

    status: str | None = None
    severity: str | None = None
    check_id: str | None = None
    owner_id: UUID | None = None

    def where(self) -> Q:
        condition = Q()
        if self.status == "unresolved":
            condition &= ~Q(status="resolved")
        elif self.status:
            condition &= Q(standing=self.status)
        if self.severity:
            condition &= Q(severity=self.severity)
        if self.check_id:
            condition &= Q(check_id=self.check_id)
        if self.owner_id:
            condition &= Q(owner_id=self.owner_id)
        return condition


@dataclass(frozen=True, slots=True)
class Standing:
    """A check, and what it last answered; None while it was never asked."""

    check: Check
    last: CheckResult | None

    @property
    def outcome(self) -> str:
        return self.last.outcome if self.last else "never"


def permit_reading(actor: Actor, call: Call) -> Decision | None:
    return permit(actor, call, "compliance.read")


def findings_of(tenant_id: UUID, wanted: Wanted = Wanted()) -> QuerySet[Any]:  # frozen
    """Findings with ``standing``, their status as of now."""
    found = Finding.objects.filter(tenant_id=tenant_id).annotate(standing=STANDING)
    return found.filter(wanted.where())


def finding_counts(tenant_id: UUID) -> dict[tuple[str, str], int]:
    """How many there are of each standing and severity, resolved ones apart; of the newest
    ``MOST_COUNTED``.
    """
    found = rows(COUNTS, (tenant_id, MOST_COUNTED))
    return {(standing, severity): many for standing, severity, many in found}


def standings(tenant_id: UUID, *, with_items: bool = True) -> list[Standing]:
    """Every check of this version with its last answer, in whatever scan; lists may do without
    what is listed in it.
    """
    found = _newest(tenant_id)
    if not with_items:
        found = found.defer(*LONG)
    newest = {result.check_id: result for result in found}
    return [Standing(check, newest.get(check.id)) for check in all_checks()]


def outcomes_of(tenant_id: UUID) -> dict[str, str]:
    """What each check last answered, in one word."""
    return dict(_newest(tenant_id).values_list("check_id", "outcome"))


def _newest(tenant_id: UUID) -> QuerySet[CheckResult, CheckResult]:
    found = CheckResult.objects.filter(tenant_id=tenant_id)
    return found.order_by("check_id", "-id").distinct("check_id")


def scans_of(tenant_id: UUID) -> QuerySet[Scan, Scan]:
    return Scan.objects.filter(tenant_id=tenant_id)


def full_scans(tenant_id: UUID, many: int = 30) -> list[Scan]:
    """The newest finished scans over everything, newest first."""
    found = scans_of(tenant_id).filter(check_id="", finished_at__isnull=False)
    return list(found.order_by("-id")[:many])


def results_of_check(tenant_id: UUID, check_id: str, many: int = 30) -> list[CheckResult]:
    """What the check answered, newest first; what is listed in an answer is read when asked for."""
    found = CheckResult.objects.filter(tenant_id=tenant_id, check_id=check_id)
    return list(found.defer(*LONG).order_by("-id")[:many])


def outcomes_by_scan(tenant_id: UUID, scan_ids: list[UUID]) -> dict[tuple[UUID, str], str]:
    """(scan, check) -> outcome, of these scans."""
    found = CheckResult.objects.filter(tenant_id=tenant_id, scan_id__in=scan_ids)
    told = found.values_list("scan_id", "check_id", "outcome")
    return {(scan, check_id): outcome for scan, check_id, outcome in told}


def exceptions_of(tenant_id: UUID) -> QuerySet[AcceptedRisk, AcceptedRisk]:
    return AcceptedRisk.objects.filter(tenant_id=tenant_id).select_related("finding")


def coverage(framework: Framework, outcomes: dict[str, str]) -> dict[str, int]:
    """How many controls of the framework are how well covered."""
    counts = dict.fromkeys(("proven", "failing", "partly", "not_proven"), 0)
    for control in framework.controls:
        counts[control.coverage(outcomes)] += 1
    return counts


def answers_for(control: Control, outcomes: dict[str, str]) -> list[tuple[str, str]]:
    """(check id, outcome) of each check that bears on the control; ``never``: it never answered."""
    return [(check_id, outcomes.get(check_id, "never")) for check_id in control.checks]
