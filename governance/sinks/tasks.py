"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

import time
from typing import cast
from uuid import UUID

from governance.sinks.delivering import take_turn, try_out
from governance.sinks.models import Sink
from governance.sinks.services import TEST_JOB
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope

TURN_SECONDS = 40.0  # of one run; the next slot goes on


@job("audit.deliver", title="Copy audit logs to sinks")
def deliver(run: Run) -> Outcome:
    """A batch of each due sink, round and round until nothing is left or time is over. A sink that
    fails is not met again in this run, so one that hangs holds the others up once.
    """
    end = time.monotonic() + TURN_SECONDS
    waiting = _due()
    total = len(waiting)
    records = failed = 0
    while waiting and time.monotonic() < end:
        again = []
        for tenant_id, slug, sink_id in waiting:
            run.progress(records, None, "records")
            turn = take_turn(tenant_id, slug, sink_id, run.guard)
            records += turn.records
            failed += turn.was_due and not turn.is_taken
            if turn.has_more:
                again.append((tenant_id, slug, sink_id))
        waiting = again
    return Outcome({"sinks": total, "records": records, "failed": failed}, has_findings=failed > 0)


@job(TEST_JOB, title="Try a sink", cancellable=False)
def test(run: Run) -> Outcome:
    """Send one line that is no record."""
    tenant = Tenant.objects.get(id=cast(UUID, run.tenant_id))
    sent = try_out(tenant.id, tenant.slug, UUID(str(run.params["sink"])))
    if sent is None:
        return Outcome({"reached": False})
    return Outcome({"reached": sent.is_taken}, has_findings=not sent.is_taken)


def _due() -> list[tuple[UUID, str, UUID]]:
    """Every active sink, those first that have waited longest."""
    found = []
    for tenant_id, slug in Tenant.objects.order_by("id").values_list("id", "slug"):
        with tenant_scope(tenant_id):
            rows = Sink.objects.filter(tenant_id=tenant_id, state=Sink.State.ACTIVE)
            found += [(tried, tenant_id, slug, i) for tried, i in rows.values_list("next_at", "id")]
    found.sort(key=lambda one: one[0])
    return [(tenant_id, slug, sink_id) for _, tenant_id, slug, sink_id in found]
