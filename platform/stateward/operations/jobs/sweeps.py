"""What the first jobs do. Each goes through the tenants one by one, in batches that end soon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.operations.jobs.runs import Result
from stateward.operations.metrics.services import roll_up
from stateward.state.services.expiry import expire_due
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope

EXPIRED = 200  # in one transaction: each is a write with all that belongs to one
ANSWERS = 5000
BATCHES = 50  # of one tenant in one run: the others wait, and the next run is soon
KEEP_ANSWERS = timedelta(hours=24)
KEEP_DONE, KEEP_FAILED = timedelta(days=3), timedelta(days=30)
MONTHS_AHEAD = 13

DELETE = """
WITH gone AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table}
        WHERE tenant_id = %s AND {column} < clock_timestamp() - %s::interval LIMIT %s))
    RETURNING 1)
SELECT count(*) FROM gone
"""
KEPT = (
    DELETE.format(table="stateward_idempotency", column="at"),
    DELETE.format(table="stateward_control_idempotency", column="created_at"),
)
PARTITIONED = """
SELECT c.relname::text, stateward_add_partitions(c.relname::text, %s)
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
WHERE c.relname LIKE 'stateward%%' ORDER BY 1
"""
OLD_RUNS = """
WITH gone AS (
    DELETE FROM stateward_job_run WHERE queued_at < clock_timestamp()
        - CASE state WHEN 'done' THEN %s::interval WHEN 'failed' THEN %s::interval END RETURNING 1)
SELECT count(*) FROM gone
"""


def expire_entries() -> Result:
    """Take away the values whose time is over. Reads do not wait for this."""
    return _in_batches("expired", expire_due, EXPIRED)


def clear_idempotency_keys() -> Result:
    """Forget the answers kept for repeats that may come no more."""
    return _in_batches("cleared", _clear_answers, ANSWERS)


def roll_up_metrics() -> Result:
    """Add the minutes up to hours, and forget old minutes."""
    hours = minutes = 0
    for tenant_id in _tenants():
        with tenant_scope(tenant_id):
            rolled = run_flow(roll_up(tenant_id))
        hours, minutes = hours + rolled.hours, minutes + rolled.minutes_forgotten
    return {"hours": hours, "minutes_forgotten": minutes}


def maintain_partitions() -> Result:
    """Have the months to come ready in every table that is kept by month."""
    return dict(run_flow(_add_partitions()))


def clear_job_runs() -> Result:
    """Forget what became of jobs long ago."""
    return {"cleared": run_flow(_counted(Statement(OLD_RUNS, (KEEP_DONE, KEEP_FAILED))))}


def _tenants() -> list[UUID]:
    return list(Tenant.objects.order_by("id").values_list("id", flat=True))


def _in_batches(name: str, batch: Callable[[UUID, int], int], size: int) -> Result:
    """For each tenant, batch after batch until one is not full, each a transaction of its own."""
    total = 0
    for tenant_id in _tenants():
        for _ in range(BATCHES):
            done = batch(tenant_id, size)
            total += done
            if done < size:
                break
    return {name: total}


def _clear_answers(tenant_id: UUID, limit: int) -> int:
    done = 0
    for sql in KEPT:
        with tenant_scope(tenant_id):
            done += run_flow(_counted(Statement(sql, (tenant_id, KEEP_ANSWERS, limit))))
    return done


def _counted(statement: Statement) -> Flow[int]:
    rows = yield statement
    count: int = rows[0][0]
    return count


def _add_partitions() -> Flow[list[tuple[str, int]]]:
    rows = yield Statement(PARTITIONED, (MONTHS_AHEAD,))
    return [(row[0], row[1]) for row in rows]
