"""How much a tenant stores, by namespace and by agent: measured, one row a day.

A measurement reads all of a tenant's entries and revisions (their sizes, not their values), which
is no page's business but a job's. Each hour is often enough, and where a tenant is so large that it
takes long, less often: it rests ``REST`` times as long as it took. Measuring a day again replaces
the day's rows; past days stay as they were.

Bytes are those of the values as they were written, before encryption: what the tenant can change.
The database's own overhead is in ``disk``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.state.usage import begin_settling, settle

Dimension = Literal["tenant", "namespace", "agent"]
REST = 200
MEASURE_JOB = "measure_storage"
KEEP = timedelta(days=1830)
COLUMNS = "entries, bytes, revisions, revision_bytes"

DUE = """
SELECT coalesce(max(measured_at + seconds * %(rest)s * interval '1 second') <= clock_timestamp()
        OR coalesce(max(measured_at) < (SELECT max(updated_at) FROM stateward_quota
            WHERE tenant_id = %(tenant)s), false), true)
FROM stateward_storage_day WHERE tenant_id = %(tenant)s AND dimension = 'tenant'
    AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date
"""
MEASURED = """
SELECT subject, entries, bytes + revision_bytes FROM stateward_storage_day
WHERE tenant_id = %s AND dimension = 'namespace'
    AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date
"""
MEASURE = f"""
WITH begun AS MATERIALIZED (SELECT clock_timestamp() AS at),
living AS (
    SELECT namespace_id, actor_id, max(actor_name) AS name, count(*) AS entries,
        coalesce(sum(size_bytes), 0) AS bytes, 0 AS revisions, 0::numeric AS revision_bytes
    FROM stateward_entry WHERE tenant_id = %(tenant)s AND is_alive GROUP BY 1, 2
),
kept AS (
    SELECT namespace_id, actor_id, max(actor_name) AS name, 0 AS entries, 0::numeric AS bytes,
        count(*) AS revisions, coalesce(sum(size_bytes), 0) AS revision_bytes
    FROM stateward_revision WHERE tenant_id = %(tenant)s GROUP BY 1, 2
),
cells AS MATERIALIZED (SELECT * FROM living UNION ALL SELECT * FROM kept),
sums AS (
    SELECT CASE grouping(namespace_id, actor_id) WHEN 3 THEN 'tenant' WHEN 1 THEN 'namespace'
            ELSE 'agent' END AS dimension,
        coalesce(namespace_id, actor_id, %(tenant)s) AS subject,
        coalesce(CASE WHEN grouping(actor_id) = 0 THEN max(c.name) END, '') AS label,
        coalesce(sum(entries), 0)::bigint AS entries, coalesce(sum(bytes), 0)::bigint AS bytes,
        coalesce(sum(revisions), 0)::bigint AS revisions,
        coalesce(sum(revision_bytes), 0)::bigint AS revision_bytes
    FROM cells c GROUP BY GROUPING SETS ((), (namespace_id), (actor_id))
),
measured AS (SELECT count(*) AS rows FROM sums)  -- read before the clock is asked again
INSERT INTO stateward_storage_day
    (tenant_id, day, dimension, subject, label, {COLUMNS}, seconds)
SELECT %(tenant)s, (begun.at AT TIME ZONE 'UTC')::date, s.dimension, s.subject,
    CASE WHEN s.dimension = 'namespace' THEN coalesce(n.name, '') ELSE s.label END,
    s.entries, s.bytes, s.revisions, s.revision_bytes,
    CASE WHEN measured.rows > 0 THEN extract(epoch FROM clock_timestamp() - begun.at) END
FROM sums s CROSS JOIN begun CROSS JOIN measured
LEFT JOIN stateward_namespace n ON n.tenant_id = %(tenant)s AND n.id = s.subject
ORDER BY 3, 4
"""
CLEAR = """
DELETE FROM stateward_storage_day WHERE tenant_id = %s
AND (day = (clock_timestamp() AT TIME ZONE 'UTC')::date
    OR day < (clock_timestamp() - %s::interval)::date)
"""
GROWTH = f"""
SELECT day, subject, label, {COLUMNS}, measured_at FROM stateward_storage_day
WHERE tenant_id = %s AND dimension = %s AND day >= %s AND day <= %s ORDER BY day, subject
"""
# Of an interval's first and last day, whatever lies between: who grew.
ENDS = f"""
WITH ends AS (
    SELECT min(day) AS first, max(day) AS last FROM stateward_storage_day
    WHERE tenant_id = %(tenant)s AND dimension = 'tenant' AND day >= %(since)s AND day <= %(until)s
)
SELECT s.day, s.subject, s.label, {COLUMNS}, s.measured_at FROM stateward_storage_day s, ends
WHERE s.tenant_id = %(tenant)s AND s.dimension = %(dimension)s AND s.day IN (ends.first, ends.last)
ORDER BY s.day, s.subject
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What one subject stored on one day."""

    day: date
    subject: UUID
    label: str
    entries: int
    bytes: int
    revisions: int
    revision_bytes: int
    measured_at: datetime


def measure(tenant_id: UUID) -> Flow[bool]:
    """Measure the tenant for today, unless that was done a short while ago; whether it was.

    Within the tenant's scope, in its transaction.
    """
    due = yield Statement(DUE, {"rest": REST, "tenant": tenant_id})
    if not due[0][0]:
        return False
    days = yield from begin_settling(tenant_id)
    yield Statement(CLEAR, (tenant_id, KEEP))
    yield Statement(MEASURE, {"tenant": tenant_id})
    rows = yield Statement(MEASURED, (tenant_id,))
    yield from settle(tenant_id, days, rows)
    return True


def growth(
    tenant_id: UUID, dimension: Dimension, since: date, until: date
) -> Flow[Sequence[Stored]]:
    """What was measured from day to day, both included; by day and subject."""
    rows = yield Statement(GROWTH, (tenant_id, dimension, since, until))
    return [Stored(*row) for row in rows]


def ends(tenant_id: UUID, dimension: Dimension, since: date, until: date) -> Flow[Sequence[Stored]]:
    """Of the first and the last measured day in that stretch alone."""
    rows = yield Statement(
        ENDS, {"tenant": tenant_id, "dimension": dimension, "since": since, "until": until}
    )
    return [Stored(*row) for row in rows]
