"""What is known of a tenant's storage: its days, its quota, its reports. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement
from stateward.operations.metrics.storage import Dimension, Stored, ends, growth
from stateward.state.quotas import total
from stateward.state.usage import Sum, sums_of
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow, tenant_scope

LOOK_BACK = timedelta(days=120)
GREW_IN = timedelta(days=30)
TODAY = "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date"
# The plan, and the wall beside it where writes are refused.
QUOTA = """
SELECT plan.entries, plan.bytes, wall.writes_per_day, wall.subject IS NOT NULL
FROM (SELECT %s::uuid AS tenant_id) AS t
LEFT JOIN stateward_capacity_quota AS plan USING (tenant_id)
LEFT JOIN stateward_quota AS wall ON wall.tenant_id = t.tenant_id AND wall.subject = t.tenant_id
"""
REPORTS = """
SELECT id, at, body::text FROM stateward_capacity_report
WHERE tenant_id = %s AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s
"""
REPORT = "SELECT id, at, body::text FROM stateward_capacity_report WHERE tenant_id = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class Quota:
    """What the tenant plans with; None: no limit of its own. Where it ``refuses`` it is a wall too,
    and may also limit the writes of a day.
    """

    entries: int | None = None
    bytes: int | None = None
    writes_per_day: int | None = None
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class Grower:
    """A namespace or an agent, what it stores, and how much more than 30 days ago."""

    subject: UUID
    label: str
    bytes: int
    more: int
    days: int  # between the two measurements


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was kept."""

    id: UUID
    at: datetime
    body: dict[str, Any]


def today() -> Flow[date]:
    """By the database's clock."""
    rows = yield Statement(TODAY)
    day: date = rows[0][0]
    return day


def days_of(tenant_id: UUID, day: date) -> Sequence[Stored]:
    """The tenant's measured days, oldest first."""
    return run_flow(growth(tenant_id, "tenant", day - LOOK_BACK, day))


def database_days(day: date) -> Sequence[Stored]:
    """The whole database's size, day by day: the platform's, shown to a tenant as days and shares
    alone.
    """
    with tenant_scope(PLATFORM):
        return run_flow(growth(PLATFORM, "tenant", day - LOOK_BACK, day))


def quota_of(tenant_id: UUID) -> Flow[Quota]:
    rows = yield Statement(QUOTA, (tenant_id,))
    return Quota(*rows[0])


def used_by(tenant_id: UUID) -> Flow[Sum]:
    """What the tenant holds now and wrote today, as its quota sees it."""
    sums = yield from sums_of(tenant_id)
    return total(sums.values())


def growers(tenant_id: UUID, dimension: Dimension, day: date) -> Flow[list[Grower]]:
    """Who grew most since 30 days ago, or since measuring began; values and revisions together."""
    found = yield from ends(tenant_id, dimension, day - GREW_IN, day)
    if not found:
        return []
    first, last = found[0].day, found[-1].day
    before = {one.subject: _bytes(one) for one in found if one.day == first}
    grown = [
        Grower(
            one.subject,
            one.label,
            _bytes(one),
            _bytes(one) - (before.get(one.subject, 0) if last > first else _bytes(one)),
            (last - first).days,
        )
        for one in found
        if one.day == last
    ]
    return sorted(grown, key=lambda one: (-one.more, -one.bytes, str(one.subject)))


def list_reports(
    tenant_id: UUID, *, before: UUID | None = None, limit: int
) -> Flow[tuple[list[Report], UUID | None]]:
    """A page of reports, newest first, and where the next one begins."""
    rows = yield Statement(REPORTS, (tenant_id, before, before, limit + 1))
    found = [_report(row) for row in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None


def find_report(tenant_id: UUID, report_id: UUID) -> Flow[Report]:
    """The report of this id. Raises NotFound."""
    rows = yield Statement(REPORT, (tenant_id, report_id))
    if not rows:
        raise NotFound
    return _report(rows[0])


def _report(row: tuple[Any, ...]) -> Report:
    return Report(row[0], row[1], orjson.loads(row[2]))


def _bytes(one: Stored) -> int:
    return one.bytes + one.revision_bytes
