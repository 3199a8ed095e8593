"""The job that goes on with erasures that wait: for a rule's end, a hold's release, a lease's."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now

from governance.privacy.models import SubjectRequest
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.jobs.services import start
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope


def resume(run: Run) -> Outcome:
    """Begin a run for each erasure that may have more to do."""
    begun = 0
    for tenant_id in Tenant.objects.order_by("id").values_list("id", flat=True):
        with tenant_scope(tenant_id):
            run.guard()
            waiting = SubjectRequest.objects.select_for_update().filter(
                Q(wait_until__isnull=True) | Q(wait_until__lte=Now()),
                tenant_id=tenant_id,
                kind="erasure",
                state="waiting",
            )
            for request in waiting:
                params = {"request": str(request.id)}
                request.run_id = start("privacy.erase", tenant_id=tenant_id, params=params)
                request.save(update_fields=["run_id"])
                begun += 1
    return Outcome({"begun": begun})
