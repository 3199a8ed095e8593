"""A tenant's series over a range of time, in at most 300 points."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.operations.metrics.services import KEEP_HOURS, KEEP_MINUTES, SUM_HISTOGRAMS
from stateward.web.metrics import BOUNDS

POINTS = 300
RATIO = BOUNDS[1] / BOUNDS[0]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 10080, 43200)
)
ORIGIN = datetime(2000, 1, 3, tzinfo=UTC)  # a Monday: weeks begin as people expect

# For steps of an hour and more: whole hours come from the hours' table, and what came since the
# newest there from the minutes'. That newest hour is made anew every few minutes until it is over,
# so its minutes are the better source, as long as they are kept. Likewise days, for steps of a day
# and more: the newest day comes from its hours, as long as those are kept.
SERIES = f"""
WITH ask AS (
    SELECT %s::uuid AS tenant, %s::timestamptz AS since, %s::timestamptz AS until,
        %s::interval AS step, %s::timestamptz AS origin, %s::text[] AS series
),
edge AS (
    SELECT CASE WHEN ask.step < interval '1 hour' THEN '-infinity'::timestamptz ELSE coalesce(
        (SELECT max(hour) FROM stateward_metric_hour h WHERE h.tenant_id = ask.tenant),
        '-infinity') END AS hour,
        CASE WHEN ask.step < interval '1 day' THEN '-infinity'::timestamptz ELSE coalesce(
        (SELECT max(d.day) + CASE WHEN EXISTS (
                SELECT FROM stateward_metric_hour h
                WHERE h.tenant_id = ask.tenant AND h.hour >= max(d.day))
            THEN interval '0' ELSE interval '1 day' END
            FROM stateward_metric_day d WHERE d.tenant_id = ask.tenant), '-infinity') END AS day
    FROM ask
),
cells AS (
    SELECT m.minute AS at, m.series, m.count, m.seconds, m.histogram
    FROM stateward_metric_minute m, ask, edge
    WHERE m.tenant_id = ask.tenant AND m.minute >= greatest(ask.since, edge.hour)
        AND m.minute < ask.until
    UNION ALL
    SELECT h.hour, h.series, h.count, h.seconds, h.histogram
    FROM stateward_metric_hour h, ask, edge
    WHERE h.tenant_id = ask.tenant AND h.hour >= greatest(ask.since, edge.day)
        AND h.hour < ask.until AND h.hour <= edge.hour AND (h.hour < edge.hour OR NOT EXISTS (
            SELECT FROM stateward_metric_minute m WHERE m.tenant_id = ask.tenant
            AND m.minute >= edge.hour AND m.minute < edge.hour + interval '1 hour'))
    UNION ALL
    SELECT d.day, d.series, d.count, d.seconds, d.histogram
    FROM stateward_metric_day d, ask, edge
    WHERE d.tenant_id = ask.tenant AND d.day >= ask.since AND d.day < ask.until
        AND d.day < edge.day
)
SELECT c.series, date_bin(ask.step, c.at, ask.origin), sum(c.count)::bigint, sum(c.seconds),
    {SUM_HISTOGRAMS}
FROM cells c, ask WHERE c.series = ANY (ask.series) GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a series: how many, and how long they took in seconds (None: there were none)."""

    at: datetime
    count: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """``points`` follow each other by ``step``, without gaps."""

    name: str
    step: timedelta
    points: tuple[Point, ...]

    @property
    def total(self) -> int:
        return sum(point.count for point in self.points)


def metric_series(
    tenant_id: UUID,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    series: Sequence[str] = ("writes", "reads", "denials"),
    points: int = POINTS,
) -> Flow[dict[str, MetricSeries]]:
    """The series by name, each with the same points, within the tenant's scope.

    The step is the shortest that needs no more than ``points``, and a whole hour or longer where
    minutes are no longer kept (``now`` tells). The first and the last step may stick out.
    """
    step = step_for(since, until, now=now, points=points)
    first = since - (since - ORIGIN) % step
    rows = yield Statement(SERIES, (tenant_id, first, until, step, ORIGIN, list(series)))
    found = {(row[0], row[1]): row[2:] for row in rows}
    moments = [first + step * index for index in range(-((first - until) // step))]
    return {
        name: MetricSeries(
            name, step, tuple(_point(moment, found.get((name, moment))) for moment in moments)
        )
        for name in series
    }


def step_for(
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    minutes: timedelta = KEEP_MINUTES,
    hours: timedelta = KEEP_HOURS,
    points: int = POINTS,
) -> timedelta:
    """How far apart the points lie, where minutes and hours are kept for so long."""
    shortest = (until - since) / (points - 1)  # the first step may stick out
    if since < now - minutes + HOUR:
        shortest = max(shortest, HOUR)
    if since < now - hours + DAY:
        shortest = max(shortest, DAY)
    return next((step for step in STEPS if step >= shortest), STEPS[-1])


def percentile(histogram: Sequence[int], share: float) -> float | None:
    """The duration in seconds that ``share`` of the events stayed below; None without events.

    Within a bucket events are taken as evenly spread on a logarithmic scale.
    """
    total = sum(histogram)
    if total == 0:
        return None
    wanted = share * total
    reached = list(accumulate(histogram))
    index = bisect_left(reached, wanted)
    number = histogram[index]
    return _between(index, (wanted - (reached[index] - number)) / number)


def _between(index: int, share: float) -> float:
    upper = BOUNDS[min(index, len(BOUNDS) - 1)]
    return float(upper * RATIO ** (share - 1))


def _point(at: datetime, found: tuple[int, float, list[int]] | None) -> Point:
    if found is None or not found[0]:
        return Point(at, 0, None, None, None, None)
    count, seconds, histogram = found
    p50, p95, p99 = (percentile(histogram, share) for share in (0.5, 0.95, 0.99))
    return Point(at, count, seconds / count, p50, p95, p99)
