"""A tenant whose dashboards have something in them: denials, reads, changes, a month of storage."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

from django.db import connection

from stateward.kernel.clock import now
from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Statement
from stateward.operations.metrics.gauges import sample
from stateward.operations.metrics.storage import measure
from stateward.operations.metrics.tallies import tally
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import execute, run_flow, tenant_scope
from stateward.web.metrics import Recorder, add_metrics
from tests.audit.audit_helpers import write_records
from tests.console.console_world import World, make_world

FORBID = '@id("no-refunds") forbid (principal, action == Action::"state.delete", resource);'


def count(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return run_flow(tally(tenant.id)).records


def measured(tenant: Tenant, **series: int) -> None:
    recorder = Recorder()
    for name, number in series.items():
        for index in range(number):
            recorder.note(tenant.id, name, 0.001 * (1 + index % 9))  # type: ignore[arg-type]
    run_flow(add_metrics(recorder))


def past_days(tenant: Tenant, days: int, growth: float = 0.97) -> None:
    """Storage of the days before, each a little less than the next."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_storage_day SELECT tenant_id, day - n, dimension, subject,"
            " label, (entries * f)::bigint, (bytes * f)::bigint, (revisions * f)::bigint,"
            " (revision_bytes * f)::bigint, measured_at - n * interval '1 day', seconds"
            " FROM stateward_storage_day, generate_series(1, %s) n, LATERAL (SELECT %s ^ n AS f) g"
            " WHERE day = (SELECT max(day) FROM stateward_storage_day)",
            (days, growth),
        )


@cache
def furnished() -> World:
    """Made once; whoever changes it makes a tenant of their own."""
    return furnish(make_world())


def furnish(world: World) -> World:
    booker, refunds = world.agent("booker"), world.agent("refund-desk <b>x</b>")
    for name in ("airline.bookings", "airline.flights", "airline.customers"):
        world.namespace(name)
    world.namespace("airline.payments", classification="restricted")
    for number in range(12):
        world.put("airline.bookings", f"B{number}", {"n": number, "pad": "x" * 400}, by=booker)
    world.put("airline.flights", "MA198", {"gate": 4}, by=booker)
    world.put("airline.payments", "PM-1", {"card": "4111"})
    world.policy("refund-limits", FORBID)
    reader = world.owner
    write_records(refunds, 41, outcome="deny_forbid", decision=denial("no-refunds"))
    write_records(booker, 9, outcome="deny_no_match", decision=denial())
    write_records(reader, 5, action="state.read_value", classification="restricted")
    write_records(reader, 3, action="account.signed_in")
    measured(world.tenant, writes=60, reads=90, denials=50, errors=2, refusals=7)
    with tenant_scope(world.tenant.id):
        run_flow(sample(world.tenant.id))
        run_flow(measure(world.tenant.id))
    past_days(world.tenant, 45)
    count(world.tenant)
    return world


def denial(*policies: str) -> dict[str, Any]:
    return {"id": "00000000-0000-0000-0000-000000000007", "determining": list(policies)}


def shift(tenant: Tenant, by: timedelta) -> None:
    """As if all counts were older by so much."""
    with tenant_scope(tenant.id):
        for step in ("minute", "hour", "day"):
            sql = (
                f"UPDATE stateward_tally_{step} SET at = date_trunc('{step}', at - %s, 'UTC')"
                " WHERE tenant_id = %s"
            )
            with suppress(StatewardError):
                execute(Statement(sql, (by, tenant.id)))


def today() -> Any:
    return now().date()
