"""Counting hours, and reading what was counted. Within the tenant's scope."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from governance.risk.scoring import LOOKED_AT, Hour, Score, score_of
from stateward.kernel.flow import Flow, Statement

AGAIN = timedelta(hours=2)  # hours that may still grow: refusals are counted a minute later
KEPT = timedelta(days=30)

# The hours that may still grow are counted anew, so that a pass that comes twice counts once.
COUNT = """
INSERT INTO stateward_agent_risk AS k
    (tenant_id, agent_id, hour, denials, errors, low, medium, high, critical)
SELECT %(tenant)s, agent, hour, sum(denials), sum(errors), sum(low), sum(medium), sum(high),
    sum(critical)
FROM (
    SELECT r.actor_id AS agent, date_trunc('hour', r.at) AS hour,
        sum(CASE WHEN r.outcome IN ('deny_error', 'error') THEN 0 ELSE times END) AS denials,
        sum(CASE WHEN r.outcome IN ('deny_error', 'error') THEN times ELSE 0 END) AS errors,
        0 AS low, 0 AS medium, 0 AS high, 0 AS critical
    FROM stateward_audit_record r, LATERAL (SELECT coalesce(
        (convert_from(r.record, 'UTF8')::jsonb #>> '{details,count}')::bigint, 1) AS times) n
    WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.outcome <> 'allow'
      AND r.actor_type = 'agent'
    GROUP BY 1, 2
    UNION ALL
    SELECT a.subject_id::uuid, date_trunc('hour', a.opened_at), 0, 0,
        count(*) FILTER (WHERE severity = 'low'), count(*) FILTER (WHERE severity = 'medium'),
        count(*) FILTER (WHERE severity = 'high'), count(*) FILTER (WHERE severity = 'critical')
    FROM stateward_alert a
    WHERE a.tenant_id = %(tenant)s AND a.opened_at >= %(since)s AND a.subject_type = 'agent'
    GROUP BY 1, 2
) counted GROUP BY agent, hour
ON CONFLICT (tenant_id, agent_id, hour) DO UPDATE SET denials = excluded.denials,
    errors = excluded.errors, low = excluded.low, medium = excluded.medium,
    high = excluded.high, critical = excluded.critical
RETURNING 1
"""
FORGET = "DELETE FROM stateward_agent_risk WHERE tenant_id = %s AND hour < %s"
HOURS = """
SELECT k.agent_id, k.hour, k.denials, k.errors, k.low, k.medium, k.high, k.critical
FROM stateward_agent_risk k
WHERE k.tenant_id = %s AND k.hour > %s AND (%s::uuid IS NULL OR k.agent_id = %s)
ORDER BY k.agent_id, k.hour
"""


class Standing(NamedTuple):
    """One agent's score, and the hours that it comes from."""

    agent_id: UUID
    score: Score
    hours: list[Hour]


def count_hours(tenant_id: UUID, now: datetime) -> Flow[int]:
    """Count the last hours anew; how many rows they came to."""
    since = (now - AGAIN).replace(minute=0, second=0, microsecond=0)
    rows = yield Statement(COUNT, {"tenant": tenant_id, "since": since})
    yield Statement(FORGET, (tenant_id, now - KEPT))
    return len(rows)


def standings(tenant_id: UUID, now: datetime, *, agent: UUID | None = None) -> Flow[list[Standing]]:
    """Every agent of whom something was counted within a week, the worst first."""
    rows = yield Statement(HOURS, (tenant_id, now - LOOKED_AT, agent, agent))
    hours: dict[UUID, list[Hour]] = {}
    for name, *row in rows:
        hours.setdefault(name, []).append(Hour(*row))
    found = [Standing(name, score_of(of, now), of) for name, of in hours.items()]
    return sorted(found, key=lambda one: (-one.score.score, one.agent_id))
