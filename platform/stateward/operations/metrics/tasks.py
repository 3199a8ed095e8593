"""Jobs that make what the figures are drawn from; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.metrics.analytics import analyse
from stateward.operations.metrics.disk import measure_database
from stateward.operations.metrics.gauges import sample
from stateward.operations.metrics.sign_ins import count_failed_sign_ins
from stateward.operations.metrics.storage import MEASURE_JOB, measure
from stateward.operations.metrics.tallies import forget_old_tallies, tally
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


@job("count_records", title="Count audit records for the figures")
def count_records(run: Run) -> Outcome:
    """What became visible since the last time, tenant by tenant, each in a transaction."""
    records = 0
    for tenant_id in _tenants(run):
        with tenant_scope(tenant_id):
            run.guard()
            records += run_flow(tally(tenant_id)).records
            run_flow(sample(tenant_id))
    return Outcome({"records": records, "failed_sign_ins": count_failed_sign_ins()})


@job(MEASURE_JOB, title="Measure what is stored")
def measure_storage(run: Run) -> Outcome:
    """Of each tenant whose turn it is; and old counts go."""
    measured = 0
    for tenant_id in _tenants(run):
        with tenant_scope(tenant_id):
            run.guard()
            measured += run_flow(measure(tenant_id))
            run_flow(forget_old_tallies(tenant_id))
    with tenant_scope(PLATFORM):
        run.guard()
        run_flow(measure_database())
    return Outcome({"measured": measured})


@job("analyse_namespaces", title="Count what namespaces are used for")
def analyse_namespaces(run: Run) -> Outcome:
    """Of each tenant whose turn it is."""
    analysed = 0
    for tenant_id in _tenants(run):
        with tenant_scope(tenant_id):
            run.guard()
            analysed += run_flow(analyse(tenant_id))
    return Outcome({"analysed": analysed})


def _tenants(run: Run) -> Iterator[UUID]:
    tenants = list(Tenant.objects.order_by("id").values_list("id", flat=True))
    for number, tenant_id in enumerate(tenants):
        run.progress(number, len(tenants), "tenants")
        yield tenant_id
