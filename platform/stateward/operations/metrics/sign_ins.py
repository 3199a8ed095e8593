"""Failed sign-ins, told to the tenants whose member's address was tried.

A failure is on record in the platform's log alone, whoever was tried, so that nobody learns from it
who has an account. Here each is counted, by the minute, in every tenant where that address is an
active member's. A tenant learns how often its own people's accounts were tried, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from stateward.kernel.flow import Statement
from stateward.operations.metrics.counts import Dimension
from stateward.operations.metrics.tallies import ADD, BEGIN, FLOOR, KEEP, KEY, LOCK, SLACK
from stateward.tenancy.models import PLATFORM, Person
from stateward.tenancy.queries import memberships_of
from stateward.tenancy.scope import execute, tenant_scope

FAILED = "account.sign_in_failed"
DIMENSION: Dimension = "sign_in"

FRESH = """
WITH span AS MATERIALIZED (
    SELECT snapshot AS before, floor, pg_current_snapshot() AS now, clock_timestamp() AS at
    FROM stateward_tally_state WHERE tenant_id = %(platform)s
),
fresh AS MATERIALIZED (
    SELECT date_trunc('minute', r.at, 'UTC') AS at, lower(r.payload ->> 'email') AS email,
        count(*) AS count
    FROM stateward_audit_record r
    WHERE r.tenant_id = %(platform)s AND r.action = %(action)s
        AND r.at >= (SELECT floor FROM span)
        AND pg_visible_in_snapshot(r.xid, (SELECT now FROM span))
        AND NOT pg_visible_in_snapshot(r.xid, (SELECT before FROM span))
    GROUP BY 1, 2
),
moved AS (
    UPDATE stateward_tally_state s SET snapshot = span.now, floor = %(floor)s, counted_at = span.at
    FROM span WHERE s.tenant_id = %(platform)s
)
SELECT at, email, count FROM fresh WHERE email IS NOT NULL
"""
CELLS = """
WITH cells AS (
    SELECT %(dimension)s AS dimension, t.at, '' AS value, %(action)s AS action,
        'deny' AS outcome, '' AS classification, '' AS label, t.count
    FROM unnest(%(moments)s::timestamptz[], %(counts)s::bigint[]) AS t (at, count)
),
"""
ADD_CELLS = (
    CELLS + ",".join(ADD.format(step=step, key=KEY) for step in KEEP) + "SELECT count(*) FROM cells"
)


def count_failed_sign_ins() -> int:
    """Count what was recorded since the last time, in one transaction; how many failures."""
    with tenant_scope(PLATFORM):
        execute(Statement(BEGIN, (PLATFORM,)))
        execute(Statement(LOCK, (PLATFORM,)))
        floor = execute(Statement(FLOOR, (SLACK,)))[0][0]
        asked = {"platform": PLATFORM, "floor": floor, "action": FAILED}
        found = execute(Statement(FRESH, asked))
        for tenant_id, counts in sorted(_by_tenant(found).items()):
            _add(tenant_id, counts)
    return sum(count for _, _, count in found)


def _by_tenant(found: list[tuple[datetime, str, int]]) -> dict[UUID, Counter[datetime]]:
    counts: dict[UUID, Counter[datetime]] = {}
    people = {
        email: person
        for email in {email for _, email, _ in found}
        if (person := Person.objects.filter(email__iexact=email).first())
    }
    where = {email: memberships_of(person.id) for email, person in people.items()}
    for at, email, count in found:
        for membership in where.get(email, ()):
            counts.setdefault(membership.tenant_id, Counter())[at] += count
    return counts


def _add(tenant_id: UUID, counts: Counter[datetime]) -> None:
    with tenant_scope(tenant_id):
        execute(
            Statement(
                ADD_CELLS,
                {
                    "tenant": tenant_id,
                    "dimension": DIMENSION,
                    "action": FAILED,
                    "moments": list(counts),
                    "counts": list(counts.values()),
                },
            )
        )
