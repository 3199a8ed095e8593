"""Jobs that keep history within its bounds: old revisions are compressed, months that may go are
dropped.
"""

from __future__ import annotations

from collections import Counter

from stateward.gate.audit.record import append, compose
from stateward.kernel.flow import Flow, Statement
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration
from stateward.state.services.cooling import cool
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow, tenant_scope

REVISIONS = 200  # in one transaction
MONTHS = """
SELECT p.relname::text, c.relname::text FROM pg_inherits i
JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
WHERE p.relname IN ('stateward_revision', 'stateward_change')
  AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''([^'']+)''\\)'))[1]::timestamptz
      < clock_timestamp() - interval '1 month'
ORDER BY 1, 2
"""
DROP = "SELECT stateward_drop_month(%s, %s)"


def compress_history(run: Run) -> Outcome:
    """Seal old revisions anew, compressed, in the run's tenant."""
    tenant_id = run.tenant_id
    if tenant_id is None:
        raise LookupError("Compression is about one tenant.")
    counts: Counter[str] = Counter({"looked": 0, "compressed": 0, "saved_bytes": 0})
    with run.scope():
        bounds = dict(run_flow(load_configuration(tenant_id, max_age=0)).bounds)
    for namespace_id, bound in bounds.items():
        while bound.compress_after_days is not None:
            with run.scope():
                run.guard()
                done = run_flow(cool(tenant_id, namespace_id, REVISIONS))
            counts["looked"] += done.looked
            counts["compressed"] += done.revisions
            counts["saved_bytes"] += done.before - done.after
            run.progress(counts["looked"], None, "revisions")
            if done.looked < REVISIONS:
                break
    return Outcome(dict(counts))


def drop_months(run: Run) -> Outcome:
    """Drop the months of history in which all is due for every tenant; why the others stay is in
    the run's result.
    """
    months = run_flow(_all(Statement(MONTHS)))
    dropped: list[str] = []
    kept = Counter[str]()
    for number, (parent, child) in enumerate(months):
        with tenant_scope(PLATFORM):
            run.guard()
            why = run_flow(_all(Statement(DROP, (parent, child))))[0][0]
            if why is None:
                run_flow(_note(parent, child, run))
                dropped.append(child)
            else:
                kept[why] += 1
        run.progress(number + 1, len(months), "months")
    return Outcome({"dropped": dropped, "kept": dict(kept)})


def _all(statement: Statement) -> Flow[list[tuple[str, ...]]]:
    rows = yield statement
    return list(rows)


def _note(parent: str, child: str, run: Run) -> Flow[None]:
    draft = compose(
        actor=Actor("system", PLATFORM, "partitions", PLATFORM, "", (), auth_method="system"),
        call=Call(request_id=str(run.id)),
        action="state.purge",
        resource_type="tenant",
        resource_id="platform",
        reason="All that was in the month is due for every tenant.",
        extra={"event": "history.month_dropped", "table": parent, "month": child[-7:]},
    )
    yield from append(draft)
