"""Policies in force that nothing has met lately: no decision of the recorded log names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.policies.queries import InForce, in_force_at
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import now
from stateward.kernel.errors import unfit
from stateward.kernel.flow import Statement
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import execute

LONGEST_DAYS = 366
MOST_RECORDS = 200_000  # that one question reads, the newest first

# What decided, warned or stood in the shadow, in records one by one and in counted reads. A label
# is "policy:name@3" or "policy:name@3#2"; what is wanted is the part before the "#".
NAMED = """
WITH recorded AS MATERIALIZED (
    SELECT r.at, convert_from(r.record, 'UTF8')::jsonb -> 'decision' AS facts
    FROM stateward_audit_record r
    WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.decision_id IS NOT NULL
    ORDER BY r.at DESC LIMIT %(most)s
), counted AS (
    SELECT c.decision AS facts FROM stateward_audit_read_count c
    WHERE c.tenant_id = %(tenant)s AND c.minute >= %(since)s
    LIMIT %(most)s
), facts AS (
    SELECT facts FROM recorded UNION ALL SELECT facts::jsonb FROM counted
), labels AS (
    SELECT DISTINCT split_part(label, '#', 1) AS label
    FROM facts, LATERAL jsonb_array_elements_text(
        coalesce(facts -> 'determining', '[]') || coalesce(facts -> 'advised', '[]')
        || coalesce(facts -> 'shadow', '[]')) AS label
    WHERE jsonb_typeof(facts) = 'object'
)
SELECT (SELECT count(*) FROM recorded), (SELECT min(at) FROM recorded),
       (SELECT array_agg(label) FROM labels)
"""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """``since``: how far back was looked, which is less than asked where there was too much."""

    since: datetime
    records: int
    policies: list[InForce]


def unmatched(actor: Actor, call: Call, *, days: int) -> Unmatched:
    """Those in force, for all of the time looked at, that decided, warned and would have changed
    nothing in it. In the tenant's scope.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise unfit("days", f"1 to {LONGEST_DAYS}")
    permit(actor, call, "policy.explain", whole_tenant(actor))
    moment = now()
    since = moment - timedelta(days=days)
    asked = {"tenant": actor.tenant_id, "since": since, "most": MOST_RECORDS}
    [(records, first, labels)] = execute(Statement(NAMED, asked))
    if records == MOST_RECORDS:
        since = first
    named = set(labels or ())
    found = [
        one
        for one in in_force_at(actor, call, moment)
        if one.since <= since and f"policy:{one.policy.name}@{one.version.number}" not in named
    ]
    return Unmatched(since, records, found)
