from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from stateward.operations.metrics.queries import (
    POINTS,
    STEPS,
    MetricSeries,
    metric_series,
    percentile,
    step_for,
)
from stateward.operations.metrics.services import RolledUp, roll_up
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.metrics import BOUNDS, BUCKETS, Recorder, add_metrics
from tests.factories.tenants import make_tenant

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def tenant(database: None) -> Tenant:
    return make_tenant()


@pytest.fixture
def this_hour(database: None) -> datetime:
    """The hour it is by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT date_trunc('hour', clock_timestamp(), 'UTC')")
        hour: datetime = cursor.fetchone()[0]
    return hour.astimezone(UTC)


def put_minute(
    tenant: Tenant, minute: datetime, count: int, seconds: float = 0.001, series: str = "writes"
) -> None:
    """``count`` events of equal duration in one minute."""
    histogram = [0] * BUCKETS
    histogram[next(i for i, bound in enumerate(BOUNDS) if bound >= seconds)] = count
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_metric_minute VALUES (%s, %s, %s, '', %s, %s, %s)",
            (tenant.id, minute, series, count, count * seconds, histogram),
        )


def rolled(tenant: Tenant) -> RolledUp:
    with tenant_scope(tenant.id):
        return run_flow(roll_up(tenant.id))


def rows(tenant: Tenant, table: str, columns: str) -> list[tuple[Any, ...]]:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2")
        return list(cursor.fetchall())


def series_of(tenant: Tenant, since: datetime, until: datetime, now: datetime) -> MetricSeries:
    with tenant_scope(tenant.id):
        return run_flow(metric_series(tenant.id, since, until, now=now))["writes"]


# --- writing


def test_two_processes_add_to_the_same_minute(tenant: Tenant) -> None:
    for seconds in (0.001, 0.1):
        process = Recorder()
        process.note(tenant.id, "writes", seconds)
        process.note(tenant.id, "reads", seconds)
        run_flow(add_metrics(process))

    found = rows(tenant, "stateward_metric_minute", "series, minute, count, seconds, histogram")
    counts = {name: sum(row[2] for row in found if row[0] == name) for name in ("reads", "writes")}
    assert counts == {"reads": 2, "writes": 2}
    assert sum(row[3] for row in found) == pytest.approx(0.202)
    assert all(len(row[4]) == BUCKETS and sum(row[4]) == row[2] for row in found)


def test_another_tenants_metrics_are_not_seen(tenant: Tenant) -> None:
    recorder = Recorder()
    recorder.note(tenant.id, "writes", 0.001)
    other = make_tenant()

    with tenant_scope(other.id), connection.cursor() as cursor:
        run_flow(add_metrics(recorder))
        cursor.execute("SELECT count(*) FROM stateward_metric_minute")
        assert cursor.fetchone() == (0,)

    assert len(rows(tenant, "stateward_metric_minute", "series, minute")) == 1


# --- rolling up


def test_minutes_become_hours(tenant: Tenant, this_hour: datetime) -> None:
    put_minute(tenant, this_hour - 2 * HOUR, 1)
    put_minute(tenant, this_hour - 2 * HOUR + 59 * MINUTE, 2, seconds=0.1)
    put_minute(tenant, this_hour - HOUR, 4)

    assert rolled(tenant) == RolledUp(hours=2, minutes_forgotten=0)

    found = rows(tenant, "stateward_metric_hour", "hour, count, seconds, histogram")
    assert [row[:2] for row in found] == [(this_hour - 2 * HOUR, 3), (this_hour - HOUR, 4)]
    assert found[0][2] == pytest.approx(0.201)
    assert [sum(row[3]) for row in found] == [3, 4]


def test_rolling_up_again_changes_nothing_and_late_minutes_are_added(
    tenant: Tenant, this_hour: datetime
) -> None:
    put_minute(tenant, this_hour - HOUR, 4)
    rolled(tenant)
    rolled(tenant)
    put_minute(tenant, this_hour - HOUR + MINUTE, 1)

    rolled(tenant)

    assert rows(tenant, "stateward_metric_hour", "hour, count") == [(this_hour - HOUR, 5)]


def test_old_minutes_go_and_their_hour_stays(tenant: Tenant, this_hour: datetime) -> None:
    put_minute(tenant, this_hour - 49 * HOUR, 4)
    put_minute(tenant, this_hour - 48 * HOUR, 2)

    first, second = rolled(tenant), rolled(tenant)

    assert (first.minutes_forgotten, second.minutes_forgotten) == (1, 0)
    assert [row[1] for row in rows(tenant, "stateward_metric_hour", "hour, count")] == [4, 2]


def test_old_hours_go(tenant: Tenant, this_hour: datetime) -> None:
    put_minute(tenant, this_hour - 401 * DAY, 4)

    rolled(tenant)

    assert rows(tenant, "stateward_metric_hour", "hour, count") == []


def test_hours_become_days_and_their_day_stays(tenant: Tenant, this_hour: datetime) -> None:
    day = this_hour.replace(hour=0) - 401 * DAY
    put_minute(tenant, day + HOUR, 4)
    put_minute(tenant, day + 5 * HOUR, 2)

    rolled(tenant)
    rolled(tenant)

    assert rows(tenant, "stateward_metric_hour", "hour, count") == []
    assert rows(tenant, "stateward_metric_day", "day, count") == [(day, 6)]
    series = series_of(tenant, day - DAY, this_hour, this_hour)
    assert (series.step >= DAY, series.total) == (True, 6)


@pytest.mark.parametrize("is_rolled", [False, True])
def test_days_hours_and_minutes_together_count_each_event_once(
    tenant: Tenant, this_hour: datetime, is_rolled: bool
) -> None:
    for back in range(400):
        put_minute(tenant, this_hour - back * DAY, 1)
    if is_rolled:
        rolled(tenant)
    put_minute(tenant, this_hour + MINUTE, 1)

    series = series_of(tenant, this_hour - 399 * DAY, this_hour + HOUR, this_hour + HOUR)

    assert series.step == 2 * DAY
    assert series.total == 401


# --- reading


def test_a_series_has_no_gaps(tenant: Tenant, this_hour: datetime) -> None:
    put_minute(tenant, this_hour - 10 * MINUTE, 3)

    series = series_of(tenant, this_hour - 30 * MINUTE, this_hour, this_hour)

    assert series.step == MINUTE
    assert [point.count for point in series.points] == [0] * 20 + [3] + [0] * 9
    assert series.total == 3
    assert series.points[0].p50 is None
    assert series.points[20].mean == pytest.approx(0.001)
    assert series.points[20].p99 == pytest.approx(0.001, rel=0.5)


@pytest.mark.parametrize("is_rolled", [False, True])
def test_hours_and_minutes_together_count_each_event_once(
    tenant: Tenant, this_hour: datetime, is_rolled: bool
) -> None:
    now = this_hour + 30 * MINUTE
    for back in range(60):
        put_minute(tenant, this_hour - back * HOUR, 1)
    if is_rolled:
        rolled(tenant)
    put_minute(tenant, this_hour + MINUTE, 1)

    series = series_of(tenant, this_hour - 59 * HOUR, now, now)

    assert series.step == HOUR
    assert [point.count for point in series.points] == [1] * 59 + [2]


def test_the_last_hour_of_a_tenant_long_silent_is_still_there(
    tenant: Tenant, this_hour: datetime
) -> None:
    """Its minutes are gone, and nothing newer was rolled up since."""
    then = this_hour - 72 * HOUR
    put_minute(tenant, then, 5)
    rolled(tenant)

    series = series_of(tenant, then - HOUR, this_hour, this_hour)

    assert series.total == 5


def test_all_series_asked_for_are_there(tenant: Tenant, this_hour: datetime) -> None:
    put_minute(tenant, this_hour - MINUTE, 1, series="denials")

    with tenant_scope(tenant.id):
        found = run_flow(metric_series(tenant.id, this_hour - HOUR, this_hour, now=this_hour))

    assert {name: series.total for name, series in found.items()} == {
        "writes": 0,
        "reads": 0,
        "denials": 1,
    }


NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "length", "step"),
    [
        (HOUR, HOUR, MINUTE),
        (DAY, DAY, 5 * MINUTE),
        (7 * DAY, 7 * DAY, HOUR),
        (30 * DAY, 30 * DAY, 4 * HOUR),
        (30 * DAY, HOUR, HOUR),  # minutes are no longer kept
        (400 * DAY, 400 * DAY, 2 * DAY),
    ],
)
def test_the_step_suits_the_range(ago: timedelta, length: timedelta, step: timedelta) -> None:
    assert step_for(NOW - ago, NOW - ago + length, now=NOW) == step


@given(st.integers(1, 400 * 24 * 60), st.integers(0, 3600))
def test_there_are_never_more_than_300_points(minutes: int, seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    since = until - timedelta(minutes=minutes)
    step = step_for(since, until, now=NOW)

    assert step in STEPS
    assert (until - since) / step <= POINTS - 1 or step == STEPS[-1]


@given(st.lists(st.floats(0.000_26, 15), min_size=1, max_size=200), st.sampled_from([0.5, 0.99]))
def test_a_percentile_is_right_to_half(durations: list[float], share: float) -> None:
    """Buckets are √2 wide: what is read lies within one bucket of the truth."""
    recorder = Recorder()
    for seconds in durations:
        recorder.note(UUID(int=1), "writes", seconds)
    (row,) = recorder.drain()
    ordered = sorted(durations)
    truth = ordered[max(0, -int(-share * len(ordered) // 1) - 1)]

    found = percentile(row.cell.histogram, share)

    assert found is not None
    assert truth / 1.4143 <= found <= truth * 1.4143


def test_without_events_there_is_no_percentile() -> None:
    assert percentile([0] * BUCKETS, 0.5) is None


def test_what_took_longer_than_the_last_bound_counts_as_that() -> None:
    histogram = [0] * BUCKETS
    histogram[-1] = 3

    assert percentile(histogram, 0.99) == pytest.approx(BOUNDS[-1], rel=0.5)
