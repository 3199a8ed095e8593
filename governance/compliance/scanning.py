"""A scan: every check asked once, its answer kept, and the findings brought up to date.

Each check has a transaction for its question and another for what it answered, so that a scan of a
large tenant holds nothing for long. A scan that was killed goes on after the last answer it kept:
it is the same scan. What it changed about findings is on record with each answer, the scan itself
at its end.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db.models.functions import Now

from governance.compliance.acts import own_call, record, scanner
from governance.compliance.asking import one, rows
from governance.compliance.findings import bring_up_to_date
from governance.compliance.models import CheckResult, Scan
from governance.compliance.registry import Check, Ground, all_checks, find_check, rules_sha256
from governance.compliance.report import results_sha256
from governance.compliance.results import Answer, Evidence
from governance.compliance.thresholds import THRESHOLDS
from stateward.gate.audit.proofs import latest_checkpoint
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope

logger = logging.getLogger("stateward.compliance")

LOCK = "SELECT pg_advisory_xact_lock(hashtext('stateward.compliance'), hashtext(%s))"
COUNTED = {
    "pass": "passed",
    "fail": "failed",
    "not_applicable": "not_applicable",
    "insufficient_evidence": "insufficient",
    "error": "errors",
}


class Runner(Protocol):
    """What a scan needs of the job's run that carries it."""

    def guard(self) -> None: ...
    def progress(self, done: int, total: int | None = None, stage: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Scanned:
    """What came of a scan. ``findings`` counts those that stand open."""

    scan: Scan
    findings: int


def new_scan(
    tenant: Tenant, *, by: Actor, trigger: str, check_id: str = "", run_id: UUID | None = None
) -> Scan:
    """The row of a scan to come. In the tenant's scope."""
    return Scan.objects.create(
        tenant=tenant,
        trigger=trigger,
        check_id=check_id,
        asked_by_type=by.type,
        asked_by_id=by.id,
        asked_by_name=by.name,
        run_id=run_id,
        rules_sha256=rules_sha256(),
    )


def carry_out(tenant: Tenant, scan_id: UUID, runner: Runner) -> Scanned:
    """Ask what was not yet answered, then close the scan. Again on a closed one changes nothing."""
    with tenant_scope(tenant.id):
        scan = Scan.objects.get(tenant_id=tenant.id, id=scan_id)
        answered = set(scan.results.values_list("check_id", flat=True))
        evidence = _sealed(tenant.id)
    checks = checks_of(scan)
    for number, check in enumerate(checks):
        if check.id not in answered and scan.finished_at is None:
            answer, milliseconds = ask(check, tenant)
            answer = replace(answer, evidence=(*answer.evidence, *evidence))
            with tenant_scope(tenant.id):
                runner.guard()
                _keep(tenant, scan, check, answer, milliseconds)
        runner.progress(number + 1, len(checks), check.id)
    with tenant_scope(tenant.id):
        runner.guard()
        return _close(tenant, scan)


def checks_of(scan: Scan) -> list[Check]:
    """All of them, or the one it was asked for."""
    if not scan.check_id:
        return all_checks()
    found = find_check(scan.check_id)
    return [found] if found is not None else []


def ask(check: Check, tenant: Tenant) -> tuple[Answer, int]:
    """The check's answer, and how many milliseconds it took. A check that raises has an answer too:
    that it could not look.
    """
    began = time.monotonic()
    try:
        answer = _asked(check, tenant)
    except Exception as fault:  # the boundary of a check: the others go on
        logger.exception("compliance.check_failed", extra={"check": check.id})
        answer = Answer("error", f"The check could not look: {type(fault).__name__}.")
    return answer, round((time.monotonic() - began) * 1000)


def _asked(check: Check, tenant: Tenant) -> Answer:
    with tenant_scope(tenant.id):
        ground = _ground(check, tenant)
        if not check.is_apart:
            return check.body(ground)
    return check.body(ground)


def _ground(check: Check, tenant: Tenant) -> Ground:
    last = (
        CheckResult.objects.filter(
            tenant_id=tenant.id,
            check_id=check.id,
            check_version=check.version,
            position__isnull=False,
        )
        .order_by("-id")
        .values_list("position", flat=True)
        .first()
    )
    thresholds = {name: threshold.value for name, threshold in THRESHOLDS.items()}
    return Ground(tenant.id, tenant.slug, database_time(), thresholds, last)


def database_time() -> datetime:
    moment: datetime = one("SELECT clock_timestamp()")[0]
    return moment


def _sealed(tenant_id: UUID) -> tuple[Evidence, ...]:
    """How far the audit was sealed when the scan began: what was true then is provable from it."""
    try:
        checkpoint = run_flow(latest_checkpoint(tenant_id))
    except NotFound:
        return ()
    return (Evidence("seal", str(checkpoint.size), f"root {checkpoint.root.hex()}"),)


def _keep(tenant: Tenant, scan: Scan, check: Check, answer: Answer, milliseconds: int) -> None:
    # Two scans of a tenant at once bring its findings up to date one after the other.
    rows(LOCK, (str(tenant.id),))
    told = bring_up_to_date(tenant, scan, check, answer, database_time())
    CheckResult.objects.create(
        tenant=tenant,
        scan=scan,
        check_id=check.id,
        check_version=check.version,
        severity=check.severity,
        outcome=answer.outcome,
        said=answer.said,
        population=answer.population,
        failing=answer.failing,
        accepted=sum(item["status"] == "accepted" for item in told),
        items=told,
        evidence=[evidence.as_json() for evidence in answer.evidence],
        position=answer.position,
        duration_ms=milliseconds,
    )


def _close(tenant: Tenant, scan: Scan) -> Scanned:
    results = list(scan.results.order_by("check_id"))
    open_findings = sum(result.failing - result.accepted for result in results)
    scan.refresh_from_db()
    if scan.finished_at is not None:
        return Scanned(scan, open_findings)
    for result in results:
        name = COUNTED[result.outcome]
        setattr(scan, name, getattr(scan, name) + 1)
        is_accepted = result.outcome == "fail" and result.accepted == result.failing
        scan.accepted += int(is_accepted)
    counts = {name: getattr(scan, name) for name in (*COUNTED.values(), "accepted")}
    details = {
        "scan": str(scan.id),
        "trigger": scan.trigger,
        "check": scan.check_id or None,
        "rules_sha256": scan.rules_sha256,
        "results_sha256": results_sha256(scan, results),
        "findings": open_findings,
        **counts,
    }
    by = scanner(tenant.id, tenant.slug)
    record_id = record(by, own_call(), "compliance.scanned", None, details)
    Scan.objects.filter(id=scan.id).update(finished_at=Now(), record_id=record_id, **counts)
    scan.refresh_from_db()
    return Scanned(scan, open_findings)
