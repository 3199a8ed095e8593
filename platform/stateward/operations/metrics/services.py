"""Minutes become hours, and old minutes go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.web.metrics import BUCKETS

KEEP_MINUTES = timedelta(hours=48)
KEEP_HOURS = timedelta(days=400)

# Bucket by bucket: a fifth of the time that an aggregate over arrays takes.
SUM_HISTOGRAMS = (
    f"ARRAY[{', '.join(f'sum(histogram[{index}])::bigint' for index in range(1, BUCKETS + 1))}]"
)

# From the last hour that was added up on: minutes still came to it afterwards. Adding up the same
# hour again gives the same row.
ROLL_UP = f"""
WITH begun AS (
    SELECT coalesce(max(hour), '-infinity') AS hour FROM stateward_metric_hour WHERE tenant_id = %s
),
sums AS (
    SELECT date_trunc('hour', m.minute, 'UTC') AS hour, m.series, m.label,
        sum(m.count)::bigint AS count, sum(m.seconds) AS seconds,
        {SUM_HISTOGRAMS} AS histogram
    FROM stateward_metric_minute m, begun
    WHERE m.tenant_id = %s AND m.minute >= begun.hour GROUP BY 1, 2, 3
),
rolled AS (
    INSERT INTO stateward_metric_hour (tenant_id, hour, series, label, count, seconds, histogram)
    SELECT %s, hour, series, label, count, seconds, histogram FROM sums
    ON CONFLICT (tenant_id, hour, series, label) DO UPDATE
    SET count = excluded.count, seconds = excluded.seconds, histogram = excluded.histogram
    RETURNING hour
)
SELECT count(DISTINCT hour) FROM rolled
"""
FORGET_MINUTES = """
WITH gone AS (
    DELETE FROM stateward_metric_minute WHERE tenant_id = %s
    AND minute < date_trunc('hour', clock_timestamp(), 'UTC') - %s::interval RETURNING 1)
SELECT count(*) FROM gone
"""
FORGET_HOURS = """
DELETE FROM stateward_metric_hour WHERE tenant_id = %s AND hour < clock_timestamp() - %s::interval
"""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """How many hours were added up, and how many minutes' rows went."""

    hours: int
    minutes_forgotten: int


def roll_up(tenant_id: UUID) -> Flow[RolledUp]:
    """Add a tenant's minutes up to hours and forget those past keeping, in one transaction.

    May be repeated at any time: an hour's row is made anew from its minutes.
    """
    hours = yield Statement(ROLL_UP, (tenant_id, tenant_id, tenant_id))
    minutes = yield Statement(FORGET_MINUTES, (tenant_id, KEEP_MINUTES))
    yield Statement(FORGET_HOURS, (tenant_id, KEEP_HOURS))
    return RolledUp(hours[0][0], minutes[0][0])
