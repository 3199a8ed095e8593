"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from uuid import UUID

from governance.detection.looking import Looked, look_at
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import PLATFORM, Tenant


@job("evaluate_detection", title="Evaluate the detection rules")
def evaluate_detection(run: Run) -> Outcome:
    """The platform's tree first: what it relays, the tenants' rules count."""
    tenants = _tenants()
    places = [PLATFORM, *tenants]
    looked = Looked()
    for number, tenant_id in enumerate(places):
        looked.add(look_at(tenant_id, guard=run.guard))
        if number % 20 == 0:
            run.progress(number + 1, len(places), "looking")
    return Outcome({"tenants": len(tenants), **looked.as_counts()}, has_findings=looked.opened > 0)


def _tenants() -> list[UUID]:
    return list(Tenant.objects.order_by("id").values_list("id", flat=True))
