"""The job of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from governance.risk.counting import count_hours
from stateward.kernel.clock import now
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


@job("risk.count", title="Count what each agent's hours came to")
def count_risk(run: Run) -> Outcome:
    """Each tenant in a transaction of its own; an hour that is counted twice counts once."""
    counted = 0
    tenants = Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id")
    for number, tenant_id in enumerate(tenants.values_list("id", flat=True)):
        with tenant_scope(tenant_id):
            run.guard()
            counted += run_flow(count_hours(tenant_id, now()))
        run.progress(number + 1, None, "counting")
    return Outcome({"hours": counted})
