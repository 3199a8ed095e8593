"""Audit records become counts: by minute, hour and day, each record once, also after a kill.

The write touches none of this. A job reads, tenant by tenant, the records that are visible now and
were not in the snapshot it kept from its last time, adds them to all three tables, and keeps the
new snapshot, in one transaction: what a killed job had added is undone with its snapshot, and the
next one does the same again.

Neither ids nor times are the order in which records become visible: a transaction may write its
record's time and commit a minute later. So the snapshots decide, and time only narrows where to
look: ``floor`` is the start of the oldest transaction that was open just before the snapshot was
taken, and no record that the snapshot does not show can be older than that (but for a clock that
was set back: ``SLACK`` allows for it). It makes a run cost what is new, not what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from stateward.gate.audit.typed import DETERMINING
from stateward.kernel.flow import Flow, Statement

SLACK = timedelta(minutes=2)
KEEP = {"minute": timedelta(days=14), "hour": timedelta(days=400), "day": timedelta(days=1830)}

BEGIN = "INSERT INTO stateward_tally_state (tenant_id) VALUES (%s) ON CONFLICT DO NOTHING"
LOCK = "SELECT 1 FROM stateward_tally_state WHERE tenant_id = %s FOR UPDATE"
# A statement of its own, before the one that takes the snapshot: what ends in between was seen.
FLOOR = """
SELECT least(clock_timestamp(), min(xact_start)) - %s::interval FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user
"""
KEY = "tenant_id, dimension, at, value, action, outcome, classification"
ADD = """
{step}s AS (
    INSERT INTO stateward_tally_{step} AS t ({key}, label, count)
    SELECT %(tenant)s, dimension, date_trunc('{step}', at, 'UTC') AS at, value, action, outcome,
        classification, max(label), sum(count)::bigint
    FROM cells GROUP BY 2, 3, 4, 5, 6, 7 ORDER BY 2, 3, 4, 5, 6, 7
    ON CONFLICT ({key}) DO UPDATE SET count = t.count + excluded.count, label = excluded.label
)"""
COUNT = f"""
WITH span AS MATERIALIZED (
    SELECT snapshot AS before, floor, pg_current_snapshot() AS now, clock_timestamp() AS at
    FROM stateward_tally_state WHERE tenant_id = %(tenant)s
),
fresh AS MATERIALIZED (
    SELECT date_trunc('minute', r.at, 'UTC') AS at, r.action, r.outcome,
        coalesce(r.classification, '') AS classification, r.actor_id, r.actor_name, r.namespace_id,
        CASE WHEN r.outcome <> 'allow' THEN {DETERMINING} END AS determining
    FROM stateward_audit_record r
    WHERE r.tenant_id = %(tenant)s AND r.at >= (SELECT floor FROM span)
        AND pg_visible_in_snapshot(r.xid, (SELECT now FROM span))
        AND NOT pg_visible_in_snapshot(r.xid, (SELECT before FROM span))
),
cells AS MATERIALIZED (
    SELECT 'all' AS dimension, at, '' AS value, action, outcome, classification, '' AS label,
        count(*) AS count
    FROM fresh GROUP BY at, action, outcome, classification
    UNION ALL
    SELECT 'actor', at, actor_id::text, '', outcome, '', max(actor_name), count(*)
    FROM fresh GROUP BY at, actor_id, outcome
    UNION ALL
    SELECT 'namespace', at, namespace_id::text, action, outcome, '', '', count(*)
    FROM fresh WHERE namespace_id IS NOT NULL GROUP BY at, namespace_id, action, outcome
    UNION ALL
    SELECT 'policy', at, left(policy, 200), '', outcome, '', left(policy, 200), count(*)
    FROM fresh, jsonb_array_elements_text(
        CASE jsonb_typeof(determining) WHEN 'array' THEN determining END) AS policy
    GROUP BY at, left(policy, 200), outcome
),
{",".join(ADD.format(step=step, key=KEY) for step in KEEP)}
UPDATE stateward_tally_state s SET snapshot = span.now, floor = %(floor)s, counted_at = span.at
FROM span WHERE s.tenant_id = %(tenant)s RETURNING (SELECT count(*) FROM fresh)
"""
FORGET = "DELETE FROM stateward_tally_{step} WHERE tenant_id = %s AND at < clock_timestamp() - %s"
COUNTED = (
    "SELECT counted_at FROM stateward_tally_state WHERE tenant_id = %s AND isfinite(counted_at)"
)


@dataclass(frozen=True, slots=True)
class Tallied:
    """How many records one run counted."""

    records: int


def tally(tenant_id: UUID) -> Flow[Tallied]:
    """Count what became visible since the last time; within the tenant's scope, as its transaction.

    Two at the same time wait for each other, and the second finds nothing left.
    """
    yield Statement(BEGIN, (tenant_id,))
    yield Statement(LOCK, (tenant_id,))
    floor = (yield Statement(FLOOR, (SLACK,)))[0][0]
    rows = yield Statement(COUNT, {"tenant": tenant_id, "floor": floor})
    return Tallied(rows[0][0])


def forget_old_tallies(tenant_id: UUID) -> Flow[None]:
    """Minutes, hours and days past their keeping go; the next coarser table has them still."""
    for step, keep in KEEP.items():
        yield Statement(FORGET.format(step=step), (tenant_id, keep))


def counted_at(tenant_id: UUID) -> Flow[datetime | None]:
    """Up to when records are counted; None before the first time."""
    rows = yield Statement(COUNTED, (tenant_id,))
    return rows[0][0] if rows else None
