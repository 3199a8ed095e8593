"""What a namespace's use comes to: growth, its hottest, largest and dead keys, conflicts, and how
many bytes are written for each byte of value.

A job counts it from the rows themselves, today and yesterday anew each time, and puts it into small
tables; pages read only those. Like a measurement of storage it rests as long as it took, ``REST``
times. Conflicts are counted by the processes where they happen, with usage.

Dead is a living key that nobody wrote for so many days. Where each read of a value is a record
(confidential, restricted) a key that was read is not dead either; reads of other namespaces are
counted without their keys, so there only writing tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

REST = 50
TOP = 20
HOT_DAYS = 7
DEAD_DAYS = 30
KEEP = timedelta(days=1830)
Kind = Literal["hot", "large", "dead"]

DUE = """
SELECT coalesce(max(at + seconds * %s * interval '1 second') <= clock_timestamp(), true)
FROM stateward_namespace_standing WHERE tenant_id = %s
"""
CLEAR = """
DELETE FROM stateward_namespace_day WHERE tenant_id = %(tenant)s
  AND (day >= (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
       OR day < (clock_timestamp() - %(keep)s::interval)::date)
"""
DAYS = """
WITH since AS MATERIALIZED (
    SELECT date_trunc('day', clock_timestamp(), 'UTC') - interval '1 day' AS at
), written AS (
    SELECT namespace_id, (r.at AT TIME ZONE 'UTC')::date AS day, count(*) AS writes,
        count(*) FILTER (WHERE operation IN ('delete', 'expire', 'purge')) AS removals,
        count(DISTINCT key) AS keys_written, sum(size_bytes) AS value_bytes,
        2 * coalesce(sum(octet_length(value)), 0) AS sealed
    FROM stateward_revision r WHERE tenant_id = %(tenant)s AND r.at >= (SELECT at FROM since)
    GROUP BY 1, 2
), recorded AS (
    SELECT namespace_id, (a.at AT TIME ZONE 'UTC')::date AS day,
        sum(octet_length(record)) FILTER (WHERE outcome = 'allow' AND action <> 'state.read_value')
            AS bytes,
        count(*) FILTER (WHERE action = 'state.read_value' AND outcome = 'allow') AS reads
    FROM stateward_audit_record a
    WHERE tenant_id = %(tenant)s AND a.at >= (SELECT at FROM since) AND namespace_id IS NOT NULL
      AND action LIKE 'state.%%' AND resource_type = 'entry'
    GROUP BY 1, 2
), counted AS (
    SELECT namespace_id, (minute AT TIME ZONE 'UTC')::date AS day, sum(count) AS reads
    FROM stateward_audit_read_count
    WHERE tenant_id = %(tenant)s AND minute >= (SELECT at FROM since) AND namespace_id IS NOT NULL
    GROUP BY 1, 2
), refused AS (
    SELECT namespace_id, day, sum(conflicts) AS conflicts FROM stateward_usage
    WHERE tenant_id = %(tenant)s AND day >= (SELECT (at AT TIME ZONE 'UTC')::date FROM since)
    GROUP BY 1, 2 HAVING sum(conflicts) > 0
), cells AS (
    SELECT namespace_id, day FROM written UNION SELECT namespace_id, day FROM recorded
    UNION SELECT namespace_id, day FROM counted UNION SELECT namespace_id, day FROM refused
)
INSERT INTO stateward_namespace_day (tenant_id, namespace_id, day, writes, removals, keys_written,
    value_bytes, stored_bytes, reads, conflicts)
SELECT %(tenant)s, namespace_id, day, coalesce(writes, 0), coalesce(removals, 0),
    coalesce(keys_written, 0), coalesce(value_bytes, 0),
    coalesce(sealed, 0) + coalesce(recorded.bytes, 0),
    coalesce(recorded.reads, 0) + coalesce(counted.reads, 0), coalesce(conflicts, 0)
FROM cells LEFT JOIN written USING (namespace_id, day) LEFT JOIN recorded USING (namespace_id, day)
LEFT JOIN counted USING (namespace_id, day) LEFT JOIN refused USING (namespace_id, day)
ORDER BY 2, 3
"""
FORGET = "DELETE FROM stateward_namespace_key WHERE tenant_id = %s"
KEYS = """
WITH living AS MATERIALIZED (
    SELECT e.namespace_id, e.key, e.size_bytes, e.updated_at,
        e.updated_at < clock_timestamp() - make_interval(
            days => coalesce(b.dead_after_days, %(dead)s))
        AND NOT (n.classification IN ('confidential', 'restricted') AND EXISTS (
            SELECT FROM stateward_audit_record a WHERE a.tenant_id = %(tenant)s
              AND a.namespace_id = e.namespace_id AND a.entry_key = e.key
              AND a.action = 'state.read_value' AND a.outcome = 'allow'
              AND a.at >= clock_timestamp() - make_interval(
                  days => coalesce(b.dead_after_days, %(dead)s)))) AS is_dead
    FROM stateward_entry e
    JOIN stateward_namespace n ON n.tenant_id = e.tenant_id AND n.id = e.namespace_id
    LEFT JOIN stateward_bounds b ON b.tenant_id = e.tenant_id AND b.namespace_id = e.namespace_id
    WHERE e.tenant_id = %(tenant)s AND e.is_alive AND n.deleted_at IS NULL
), busy AS (
    SELECT namespace_id, key, count(*) AS writes FROM stateward_revision
    WHERE tenant_id = %(tenant)s AND at >= clock_timestamp() - make_interval(days => %(hot)s)
    GROUP BY 1, 2 HAVING count(*) > 1
), ranked AS (
    SELECT namespace_id, 'hot' AS kind, key, writes AS number,
        row_number() OVER (PARTITION BY namespace_id ORDER BY writes DESC, key) AS rank FROM busy
    UNION ALL
    SELECT namespace_id, 'large', key, size_bytes,
        row_number() OVER (PARTITION BY namespace_id ORDER BY size_bytes DESC, key) FROM living
    UNION ALL
    SELECT namespace_id, 'dead', key, size_bytes,
        row_number() OVER (PARTITION BY namespace_id ORDER BY updated_at, key)
    FROM living WHERE is_dead
), kept AS (
    INSERT INTO stateward_namespace_key (tenant_id, namespace_id, kind, rank, key, number)
    SELECT %(tenant)s, namespace_id, kind, rank, key, number FROM ranked WHERE rank <= %(top)s
)
INSERT INTO stateward_namespace_standing (tenant_id, namespace_id, at, dead_after_days, dead_keys,
    dead_bytes, seconds)
SELECT %(tenant)s, n.id, clock_timestamp(), coalesce(b.dead_after_days, %(dead)s),
    count(l.key), coalesce(sum(l.size_bytes), 0), 0
FROM stateward_namespace n
LEFT JOIN stateward_bounds b ON b.tenant_id = n.tenant_id AND b.namespace_id = n.id
LEFT JOIN living l ON l.namespace_id = n.id AND l.is_dead
WHERE n.tenant_id = %(tenant)s AND n.deleted_at IS NULL GROUP BY n.id, b.dead_after_days
ON CONFLICT (tenant_id, namespace_id) DO UPDATE SET at = excluded.at,
    dead_after_days = excluded.dead_after_days, dead_keys = excluded.dead_keys,
    dead_bytes = excluded.dead_bytes
"""
TOOK = """
UPDATE stateward_namespace_standing SET seconds = extract(epoch FROM clock_timestamp() - now())
WHERE tenant_id = %s
"""
SINCE = """
SELECT d.day, coalesce(s.entries, 0), coalesce(s.bytes, 0), coalesce(s.revisions, 0),
    coalesce(s.revision_bytes, 0), coalesce(n.writes, 0), coalesce(n.removals, 0),
    coalesce(n.keys_written, 0), coalesce(n.value_bytes, 0), coalesce(n.stored_bytes, 0),
    coalesce(n.reads, 0), coalesce(n.conflicts, 0)
FROM (SELECT generate_series((clock_timestamp() AT TIME ZONE 'UTC')::date - (%(days)s - 1),
    (clock_timestamp() AT TIME ZONE 'UTC')::date, interval '1 day')::date AS day) d
LEFT JOIN stateward_namespace_day n ON n.tenant_id = %(tenant)s
    AND n.namespace_id = %(namespace)s AND n.day = d.day
LEFT JOIN stateward_storage_day s ON s.tenant_id = %(tenant)s AND s.dimension = 'namespace'
    AND s.subject = %(namespace)s AND s.day = d.day
ORDER BY d.day
"""
# As they are now: a key that is gone is not shown, and who may know of one rests on its labels.
FIND_KEYS = """
SELECT k.kind, k.key, k.number, e.updated_at, e.labels::text FROM stateward_namespace_key k
JOIN stateward_entry e ON e.tenant_id = k.tenant_id AND e.namespace_id = k.namespace_id
    AND e.key = k.key AND e.is_alive
WHERE k.tenant_id = %s AND k.namespace_id = %s ORDER BY k.kind, k.rank
"""
STANDING = """
SELECT at, dead_after_days, dead_keys, dead_bytes FROM stateward_namespace_standing
WHERE tenant_id = %s AND namespace_id = %s
"""


class Day(NamedTuple):
    """One UTC day of a namespace: what it held when it was measured last that day, and its use."""

    day: date
    entries: int
    bytes: int
    revisions: int
    revision_bytes: int
    writes: int
    removals: int
    keys_written: int
    value_bytes: int
    stored_bytes: int
    reads: int
    conflicts: int

    @property
    def conflict_rate(self) -> float | None:
        """The share of tries that another write was quicker than."""
        tries = self.writes + self.conflicts
        return self.conflicts / tries if tries else None

    @property
    def write_amplification(self) -> float | None:
        """Bytes put into tables for each byte of value written."""
        return self.stored_bytes / self.value_bytes if self.value_bytes else None


class Remarkable(NamedTuple):
    """A key that stands out, by its writes in seven days or its bytes."""

    kind: Kind
    key: str
    number: int
    updated_at: datetime
    labels: str  # JSON


class Standing(NamedTuple):
    """When a namespace was analysed last, and how much in it is dead."""

    at: datetime
    dead_after_days: int
    dead_keys: int
    dead_bytes: int


@dataclass(frozen=True, slots=True)
class Analytics:
    """A namespace's days, oldest first, and its remarkable keys; no standing before the first
    analysis.
    """

    days: Sequence[Day]
    keys: Sequence[Remarkable]
    standing: Standing | None

    def of(self, kind: Kind) -> list[Remarkable]:
        return [one for one in self.keys if one.kind == kind]


def analyse(tenant_id: UUID) -> Flow[bool]:
    """Count the tenant's namespaces anew, unless that was done a short while ago; whether it was.
    Within the tenant's scope, in its transaction.
    """
    due = yield Statement(DUE, (REST, tenant_id))
    if not due[0][0]:
        return False
    asked = {"tenant": tenant_id, "keep": KEEP, "dead": DEAD_DAYS, "hot": HOT_DAYS, "top": TOP}
    yield Statement(CLEAR, asked)
    yield Statement(DAYS, asked)
    yield Statement(FORGET, (tenant_id,))
    yield Statement(KEYS, asked)
    yield Statement(TOOK, (tenant_id,))
    return True


def analytics_of(tenant_id: UUID, namespace_id: UUID, days: int) -> Flow[Analytics]:
    """What was counted of the last ``days``; whoever calls decides, of each key too."""
    asked = {"tenant": tenant_id, "namespace": namespace_id, "days": days}
    found = yield Statement(SINCE, asked)
    keys = yield Statement(FIND_KEYS, (tenant_id, namespace_id))
    standing = yield Statement(STANDING, (tenant_id, namespace_id))
    return Analytics(
        [Day(*row) for row in found],
        [Remarkable(*row) for row in keys],
        Standing(*standing[0]) if standing else None,
    )
