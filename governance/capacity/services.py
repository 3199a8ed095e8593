"""Looking at capacity, setting a quota, keeping reports: each decided by policy."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from governance.capacity.outlook import AHEAD, Outlook, body, outlook
from governance.capacity.queries import (
    Quota,
    Report,
    find_report,
    list_reports,
    quota_of,
    used_by,
)
from governance.people.acts import note, permit
from governance.people.rules import unfit
from stateward.gate.policy.requests import Resource
from stateward.kernel.flow import Flow, Statement
from stateward.operations.jobs.services import start
from stateward.operations.metrics.storage import MEASURE_JOB, measure
from stateward.state.bounds import Quota as Wall
from stateward.state.bounds import put_quota
from stateward.state.usage import Sum
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow, tenant_scope

KEEP = timedelta(days=400)
SET = """
INSERT INTO stateward_capacity_quota (tenant_id, entries, bytes) VALUES (%s, %s, %s)
ON CONFLICT (tenant_id) DO UPDATE
SET entries = excluded.entries, bytes = excluded.bytes, updated_at = excluded.updated_at
"""
ADD = "INSERT INTO stateward_capacity_report (tenant_id, body) VALUES (%s, %s::jsonb) RETURNING id"
CLEAR = "DELETE FROM stateward_capacity_report WHERE tenant_id = %s AND at < clock_timestamp() - %s"


def tenant_resource(actor: Actor) -> Resource:
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def look(actor: Actor, call: Call) -> Outlook:
    """The tenant's outlook, for who may read the tenant. In the tenant's scope."""
    permit_looking(actor, call)
    return outlook(actor.tenant_id)


def permit_looking(actor: Actor, call: Call) -> None:
    """Measurements are for who may read the tenant; else Denied (403)."""
    permit(actor, call, "tenant.read", tenant_resource(actor))


def reports(
    actor: Actor, call: Call, *, before: UUID | None, limit: int
) -> tuple[list[Report], UUID | None]:
    """A page of the reports that were kept, newest first."""
    permit_looking(actor, call)
    return run_flow(list_reports(actor.tenant_id, before=before, limit=limit))


def report(actor: Actor, call: Call, report_id: UUID) -> Report:
    """One report; NotFound (404)."""
    permit_looking(actor, call)
    return run_flow(find_report(actor.tenant_id, report_id))


def set_quota(actor: Actor, call: Call, quota: Quota) -> Quota:
    """Plan with other limits from now on; where the quota refuses, writes are held to it within a
    second. What is there is then measured anew, by a job.
    """
    if quota.writes_per_day is not None and not quota.refuses:
        raise unfit("writes_per_day", "only in a quota that refuses")
    if quota.refuses and (quota.entries, quota.bytes, quota.writes_per_day) == (None, None, None):
        raise unfit("refuses", "true only with a limit")
    with tenant_scope(actor.tenant_id):
        about = tenant_resource(actor)
        decision = permit(actor, call, "tenant.manage", about)
        before = run_flow(quota_of(actor.tenant_id))
        run_flow(_set(actor.tenant_id, quota))
        if before.refuses or quota.refuses:
            wall = Wall(quota.entries, quota.bytes, quota.writes_per_day)
            run_flow(put_quota(actor.tenant_id, actor.tenant_id, wall if quota.refuses else Wall()))
            bump(actor.tenant_id, "namespaces")
            start(MEASURE_JOB, tenant_id=None, actor=actor)
        note(
            actor,
            call,
            "tenant.manage",
            "capacity.quota_set",
            about=about,
            decision=decision,
            details={"before": _details(before), "after": _details(quota)},
        )
    return quota


def keep_report(tenant_id: UUID, slug: str) -> tuple[UUID, dict[str, Any], bool]:
    """Measure, forecast and keep; the report's id, what it says, and whether something runs out
    within 30 days. In the tenant's scope, in the caller's transaction.
    """
    run_flow(measure(tenant_id))
    found = outlook(tenant_id)
    said = body(slug, found)
    report_id = run_flow(_keep(tenant_id, said))
    return report_id, said, runs_out_soon(found)


def runs_out_soon(found: Outlook) -> bool:
    """Whether something is expected to run out within 30 days, or has."""
    _, end = found.end
    return end.expected is not None and (end.expected - found.day).days <= AHEAD


def _set(tenant_id: UUID, quota: Quota) -> Flow[None]:
    yield Statement(SET, (tenant_id, quota.entries, quota.bytes))


def _keep(tenant_id: UUID, said: dict[str, Any]) -> Flow[UUID]:
    yield Statement(CLEAR, (tenant_id, KEEP))
    rows = yield Statement(ADD, (tenant_id, orjson.dumps(said).decode()))
    report_id: UUID = rows[0][0]
    return report_id


def quota(actor: Actor) -> Quota:
    """The tenant's; whoever calls may look."""
    return run_flow(quota_of(actor.tenant_id))


def usage(actor: Actor) -> Sum:
    """What the tenant's quota is compared with; whoever calls may look."""
    return run_flow(used_by(actor.tenant_id))


def _details(quota: Quota) -> dict[str, int | None]:
    return asdict(quota)
