"""The daily report of each tenant."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from governance.capacity.services import keep_report
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant


@job("capacity.report", title="Report capacity", cancellable=False, per_tenant=True)
def report(run: Run) -> Outcome:
    """Measure, forecast and keep what is found."""
    tenant = Tenant.objects.get(id=cast(UUID, run.tenant_id))  # the job is per tenant
    with run.scope():
        run.guard()
        report_id, said, has_findings = keep_report(tenant.id, tenant.slug)
    return Outcome(
        {
            "report": str(report_id),
            "entries": said["entries"],
            "bytes": said["bytes"],
            "exhausted_on": said["exhausted_on"],
        },
        has_findings=has_findings,
    )
