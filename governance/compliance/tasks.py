"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from governance.compliance.acts import scanner
from governance.compliance.models import Scan
from governance.compliance.scanning import carry_out, new_scan
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope

# A check over very many keys takes minutes; each answer is kept, and none is asked again.
LONGEST = timedelta(minutes=30)


@job("compliance.scan", title="Scan compliance", per_tenant=True, longest=LONGEST)
def scan(run: Run) -> Outcome:
    """Ask every check, or the one that ``params`` name."""
    if run.tenant_id is None:
        raise LookupError("A scan is about one tenant.")
    tenant = Tenant.objects.get(id=run.tenant_id)
    scanned = carry_out(tenant, _scan_of(run, tenant), run)
    done = scanned.scan
    result = {
        "scan": str(done.id),
        "checks": done.passed + done.failed + done.not_applicable + done.insufficient + done.errors,
        "passed": done.passed,
        "failed": done.failed,
        "not_applicable": done.not_applicable,
        "insufficient": done.insufficient,
        "errors": done.errors,
        "findings": scanned.findings,
    }
    return Outcome(result, has_findings=bool(scanned.findings))


def _scan_of(run: Run, tenant: Tenant) -> UUID:
    """The scan this run is about: the one that was asked for, or its own, made once."""
    if "scan" in run.params:
        return UUID(str(run.params["scan"]))
    with tenant_scope(tenant.id):
        run.guard()
        own = Scan.objects.filter(tenant_id=tenant.id, run_id=run.id).first()
        if own is None:
            own = new_scan(
                tenant,
                by=scanner(tenant.id, tenant.slug),
                trigger=str(run.params.get("trigger", "schedule")),
                check_id=str(run.params.get("check", "")),
                run_id=run.id,
            )
        return own.id
