"""The job of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from governance.delivery.planning import plan
from governance.delivery.sending import forget_old, send_waiting
from stateward.kernel.clock import now
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope


@job("alerts.deliver", title="Send alerts to whom they are routed")
def deliver_alerts(run: Run) -> Outcome:
    """Each tenant's: plan in one transaction, then send what is due."""
    tenants = Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id")
    made = taken = failed = 0
    for number, tenant in enumerate(tenants):
        with tenant_scope(tenant.id):
            run.guard()
            moment = now()
            made += plan(tenant, moment)
            forget_old(tenant.id, moment)
        sent = send_waiting(tenant.id)
        taken, failed = taken + sent[0], failed + sent[1]
        run.progress(number + 1, None, "sending")
    return Outcome({"made": made, "taken": taken, "failed": failed}, has_findings=failed > 0)
