"""A slot of the timetable that stands for a run for each tenant."""

from __future__ import annotations

from uuid import UUID

from stateward.kernel.flow import Statement
from stateward.operations.jobs.inserting import insert
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.jobs.sending import send
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import execute, tenant_scope

# The tenant's last run is not over, or another worker has been here for this slot.
THERE = """
SELECT 1 FROM stateward_job_open WHERE name = %s AND tenant_id = %s
UNION ALL SELECT 1 FROM stateward_job_run WHERE name = %s AND tenant_id = %s AND slot = %s
"""


def fan_out(run: Run) -> Outcome:
    """Queue the run's job for each tenant that is open, once for the slot."""
    tenants = Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id")
    started = 0
    for number, tenant_id in enumerate(tenants.values_list("id", flat=True)):
        started += _start(run, tenant_id)
        run.progress(number + 1, None, "starting")
    return Outcome({"tenants": started})


def _start(run: Run, tenant_id: UUID) -> bool:
    with tenant_scope(tenant_id):
        run.guard()  # nobody else starts the same at the same time
        if execute(Statement(THERE, (run.name, tenant_id, run.name, tenant_id, run.slot))):
            return False
        run_id = insert(run.name, tenant_id, slot=run.slot)
    send(run.name, run_id)
    return True
