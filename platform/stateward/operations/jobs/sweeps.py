"""What the first jobs do. Each goes through the tenants one by one, in batches that end soon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings

from stateward.kernel.flow import Flow, Statement
from stateward.operations.jobs.inserting import scope_of
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.metrics.services import roll_up
from stateward.state.services.expiry import expire_due
from stateward.state.services.tidying import tidy
from stateward.state.usage import merge_usage
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope

EXPIRED = 200  # in one transaction: each is a write with all that belongs to one
ANSWERS = 5000
CHANGES = 5000
BATCHES = 50  # of one tenant in one run: the others wait, and the next run is soon
KEEP_ANSWERS = timedelta(hours=24)
KEEP_DONE, KEEP_FAILED = timedelta(days=3), timedelta(days=30)  # the platform's, of every minute
KEEP_OF_TENANT = timedelta(days=400)  # a year's backups and scans can be looked up
MONTHS_AHEAD = 13
TENANTS = "tenants"  # what is counted

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
FEED_FLOOR = "SELECT stateward_feed_floor(%s)"
FEED_COMPACT = "SELECT stateward_feed_compact(%s, %s)"
PARTITIONED = """
SELECT c.relname::text, stateward_add_partitions(c.relname::text, %s)
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
WHERE c.relname LIKE 'stateward%%' ORDER BY 1
"""
OLD_RUNS = """
WITH gone AS (
    DELETE FROM stateward_job_run WHERE tenant_id IS NOT DISTINCT FROM %s
        AND queued_at < clock_timestamp() - CASE
            WHEN state IN ('queued', 'running') THEN NULL::interval
            WHEN tenant_id IS NOT NULL THEN %s::interval
            WHEN state = 'done' THEN %s::interval ELSE %s::interval END
    RETURNING 1)
SELECT count(*) FROM gone
"""


def expire_entries(run: Run) -> Outcome:
    """Take away the values whose time is over, and put away leases and proposals that are. Reads do
    not wait for this.
    """
    expired = _in_batches(run, "expired", expire_due, EXPIRED)
    tidied = _in_batches(run, "tidied", tidy, EXPIRED).result
    return Outcome({**expired.result, **(tidied if tidied["tidied"] else {})})


def clear_idempotency_keys(run: Run) -> Outcome:
    """Forget the answers kept for repeats that may come no more."""
    return _in_batches(run, "cleared", _clear_answers, ANSWERS)


def forget_changes(run: Run) -> Outcome:
    """End the feed before what has been kept long enough, and remove what lies before its end."""
    keep = timedelta(hours=settings.CHANGES_KEPT_HOURS)
    with scope_of(None):
        run.guard()
        oldest = run_flow(_counted(Statement(FEED_FLOOR, (keep,))))
    removed = _in_batches(run, "changes", _forget_changes, CHANGES)
    return Outcome({**removed.result, "oldest_pass": oldest})


def roll_up_metrics(run: Run) -> Outcome:
    """Add the minutes up to hours, and forget old minutes."""
    hours = minutes = 0
    for number, tenant_id in enumerate(tenants := _tenants(), 1):
        with tenant_scope(tenant_id):
            run.guard()
            rolled = run_flow(roll_up(tenant_id))
            run_flow(merge_usage(tenant_id))
        hours, minutes = hours + rolled.hours, minutes + rolled.minutes_forgotten
        run.progress(number, len(tenants), TENANTS)
    return Outcome({"hours": hours, "minutes_forgotten": minutes})


def maintain_partitions(run: Run) -> Outcome:
    """Have the months to come ready in every table that is kept by month."""
    return Outcome(dict(run_flow(_add_partitions())))


def clear_job_runs(run: Run) -> Outcome:
    """Forget what became of jobs long ago."""
    cleared = 0
    for tenant_id in (None, *_tenants()):
        with scope_of(tenant_id):
            run.guard()
            keep = (KEEP_OF_TENANT, KEEP_DONE, KEEP_FAILED)
            cleared += run_flow(_counted(Statement(OLD_RUNS, (tenant_id, *keep))))
    return Outcome({"cleared": cleared})


def _tenants() -> list[UUID]:
    return list(Tenant.objects.order_by("id").values_list("id", flat=True))


def _in_batches(run: Run, name: str, batch: Callable[[UUID, int], int], size: int) -> Outcome:
    """For each tenant, batch after batch until one is not full, each a transaction of its own."""
    total = 0
    for number, tenant_id in enumerate(tenants := _tenants(), 1):
        for _ in range(BATCHES):
            with tenant_scope(tenant_id):
                run.guard()
                done = batch(tenant_id, size)
            total += done
            run.progress(number, len(tenants), TENANTS)
            if done < size:
                break
    return Outcome({name: total})


def _clear_answers(tenant_id: UUID, limit: int) -> int:
    return sum(run_flow(_counted(Statement(sql, (tenant_id, KEEP_ANSWERS, limit)))) for sql in KEPT)


def _forget_changes(tenant_id: UUID, limit: int) -> int:
    return run_flow(_counted(Statement(FEED_COMPACT, (tenant_id, limit))))


def _counted(statement: Statement) -> Flow[int]:
    rows = yield statement
    count: int = rows[0][0]
    return count


def _add_partitions() -> Flow[list[tuple[str, int]]]:
    rows = yield Statement(PARTITIONED, (MONTHS_AHEAD,))
    return [(row[0], row[1]) for row in rows]
