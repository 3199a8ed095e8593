"""Minutes become hours, hours become days, and old ones go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.web.metrics import BUCKETS

KEEP_MINUTES = timedelta(hours=48)
KEEP_HOURS = timedelta(days=400)
KEEP_DAYS = timedelta(days=1830)

# Bucket by bucket: a fifth of the time that an aggregate over arrays takes.
SUM_HISTOGRAMS = (
    f"ARRAY[{', '.join(f'sum(histogram[{index}])::bigint' for index in range(1, BUCKETS + 1))}]"
)

# From the last hour (or day) that was added up on: more still came to it afterwards. Adding up the
# same one again gives the same row.
ROLL_UP = f"""
WITH begun AS (
    SELECT coalesce(max({{step}}), '-infinity') AS at
    FROM stateward_metric_{{step}} WHERE tenant_id = %s
),
sums AS (
    SELECT date_trunc('{{step}}', m.{{finer}}, 'UTC') AS {{step}}, m.series, m.label,
        sum(m.count)::bigint AS count, sum(m.seconds) AS seconds,
        {SUM_HISTOGRAMS} AS histogram
    FROM stateward_metric_{{finer}} m, begun
    WHERE m.tenant_id = %s AND m.{{finer}} >= begun.at GROUP BY 1, 2, 3
),
rolled AS (
    INSERT INTO stateward_metric_{{step}}
        (tenant_id, {{step}}, series, label, count, seconds, histogram)
    SELECT %s, {{step}}, series, label, count, seconds, histogram FROM sums
    ON CONFLICT (tenant_id, {{step}}, series, label) DO UPDATE
    SET count = excluded.count, seconds = excluded.seconds, histogram = excluded.histogram
    RETURNING {{step}}
)
SELECT count(DISTINCT {{step}}) FROM rolled
"""
HOURS = ROLL_UP.format(step="hour", finer="minute")
DAYS = ROLL_UP.format(step="day", finer="hour")
FORGET_MINUTES = """
WITH gone AS (
    DELETE FROM stateward_metric_minute WHERE tenant_id = %s
    AND minute < date_trunc('hour', clock_timestamp(), 'UTC') - %s::interval RETURNING 1)
SELECT count(*) FROM gone
"""
FORGET_HOURS = """
DELETE FROM stateward_metric_hour WHERE tenant_id = %s
AND hour < date_trunc('day', clock_timestamp(), 'UTC') - %s::interval
"""
FORGET_DAYS = """
DELETE FROM stateward_metric_day WHERE tenant_id = %s AND day < clock_timestamp() - %s::interval
"""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """How many hours were added up, and how many minutes' rows went."""

    hours: int
    minutes_forgotten: int


def roll_up(tenant_id: UUID) -> Flow[RolledUp]:
    """Add a tenant's minutes up to hours and those to days, and forget those past keeping, in one
    transaction.

    May be repeated at any time: an hour's row is made anew from its minutes, a day's from its
    hours.
    """
    hours = yield Statement(HOURS, (tenant_id, tenant_id, tenant_id))
    yield Statement(DAYS, (tenant_id, tenant_id, tenant_id))
    minutes = yield Statement(FORGET_MINUTES, (tenant_id, KEEP_MINUTES))
    yield Statement(FORGET_HOURS, (tenant_id, KEEP_HOURS))
    yield Statement(FORGET_DAYS, (tenant_id, KEEP_DAYS))
    return RolledUp(hours[0][0], minutes[0][0])
