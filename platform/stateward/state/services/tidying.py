"""What is over is put away: leases, places in line, proposals and pending writes. None of it
changes what anybody reads: each counts as over from its end, by the database's clock.
"""

from __future__ import annotations

from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.state.pending.tidying import tidy_pending
from stateward.tenancy.scope import run_flow, tenant_scope

# A row of a key that was leased and never written goes with its lease. Its largest token goes too,
# and need not be known: the next is drawn from the clock.
UNWRITTEN = """
WITH gone AS (
    DELETE FROM stateward_entry WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM stateward_entry
        WHERE tenant_id = %s AND lease_id IS NOT NULL AND version = 0
          AND lease_until < clock_timestamp() - interval '1 hour' LIMIT %s FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM gone
"""
LEASES = """
WITH done AS (
    UPDATE stateward_entry SET lease_id = NULL, lease_until = NULL, lease_actor_type = NULL,
        lease_actor_id = NULL, lease_actor_name = NULL
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM stateward_entry
        WHERE tenant_id = %s AND lease_id IS NOT NULL AND version > 0
          AND lease_until < clock_timestamp() - interval '1 hour' LIMIT %s FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM done
"""
TICKETS = """
WITH gone AS (
    DELETE FROM stateward_lease_ticket WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM stateward_lease_ticket
        WHERE tenant_id = %s AND until < clock_timestamp() - interval '1 minute' LIMIT %s))
    RETURNING 1)
SELECT count(*) FROM gone
"""
# The value of a proposal is kept for as long as it may be decided on.
EXPIRED = """
WITH done AS (
    UPDATE stateward_proposal SET state = 'expired', ended_at = expires_at, value = NULL,
        value_hash = NULL
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM stateward_proposal
        WHERE tenant_id = %s AND state = 'open' AND expires_at <= clock_timestamp()
        LIMIT %s FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM done
"""
OLD = """
WITH gone AS (
    DELETE FROM stateward_proposal WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM stateward_proposal
        WHERE tenant_id = %s AND ended_at < clock_timestamp() - interval '90 days' LIMIT %s))
    RETURNING 1)
SELECT count(*) FROM gone
"""


def tidy(tenant_id: UUID, limit: int) -> int:
    """Put away up to ``limit`` of each kind; how many it were in all."""
    with tenant_scope(tenant_id):
        return run_flow(_tidy(tenant_id, limit)) + tidy_pending(tenant_id)


def _tidy(tenant_id: UUID, limit: int) -> Flow[int]:
    total = 0
    for sql in (UNWRITTEN, LEASES, TICKETS, EXPIRED, OLD):
        rows = yield Statement(sql, (tenant_id, limit))
        total += rows[0][0]
    return total
