"""Asking for runs and ending them. Whether somebody may is decided by whoever calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from stateward.kernel.flow import Statement
from stateward.operations.jobs.carrying import conclude
from stateward.operations.jobs.exceptions import AlreadyOver, CannotStop, NoSuchRun, NotOver
from stateward.operations.jobs.inserting import insert, scope_of
from stateward.operations.jobs.lease import Lease
from stateward.operations.jobs.registry import jobs
from stateward.operations.jobs.running import Outcome
from stateward.operations.jobs.sending import send
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import execute

OPEN = """
SELECT name, state FROM stateward_job_open
WHERE run_id = %s AND tenant_id IS NOT DISTINCT FROM %s FOR NO KEY UPDATE
"""
OVER = """
SELECT name, state, params::text FROM stateward_job_run
WHERE id = %s AND tenant_id IS NOT DISTINCT FROM %s
"""
ASK = "UPDATE stateward_job_open SET is_cancelled = true, stopped_by = %s WHERE run_id = %s"
REMOVE = "DELETE FROM stateward_job_open WHERE run_id = %s"
STOPPED = """
UPDATE stateward_job_run SET state = 'cancelled', finished_at = clock_timestamp(), stopped_by = %s
WHERE id = %s
"""


def start(
    name: str,
    *,
    tenant_id: UUID | None,
    params: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> UUID:
    """Queue a run, in the caller's transaction: with it the run exists, without it it does not.

    ``params`` are shown to whoever may see the run.
    """
    with scope_of(tenant_id):
        run_id = _insert(name, tenant_id, params=params, actor=actor)
        transaction.on_commit(lambda: send(name, run_id), robust=True)
    return run_id


def cancel(run_id: UUID, *, tenant_id: UUID | None, actor: Actor | None = None) -> str:
    """End a queued run at once (answers ``cancelled``), or have a running one end at its next
    report of progress (``asked``).
    """
    by = actor.id if actor else None
    with scope_of(tenant_id):
        row = _first(OPEN, run_id, tenant_id)
        if row is None:
            raise AlreadyOver if _first(OVER, run_id, tenant_id) else NoSuchRun
        name, state = row
        if state == "queued":
            execute(Statement(REMOVE, (run_id,)))
            execute(Statement(STOPPED, (by, run_id)))
            return "cancelled"
        if name in jobs() and not jobs()[name].is_cancellable:
            raise CannotStop
        execute(Statement(ASK, (by, run_id)))
    return "asked"


def retry(run_id: UUID, *, tenant_id: UUID | None, actor: Actor | None = None) -> UUID:
    """Queue a new run of what failed or was cancelled, with the same parameters."""
    with scope_of(tenant_id):
        row = _first(OVER, run_id, tenant_id)
        if row is None:
            raise NoSuchRun
        name, state, params = row
        if state not in {"failed", "cancelled"}:
            raise NotOver
        new_id = _insert(name, tenant_id, params=orjson.loads(params), actor=actor, retry_of=run_id)
        transaction.on_commit(lambda: send(name, new_id), robust=True)
    return new_id


def run_here(
    name: str,
    *,
    tenant_id: UUID | None,
    params: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> Outcome:
    """Carry a run out in this process and answer what came of it; raises what the job raises.

    For commands. The run has its row and page like any other; where this process is killed a worker
    goes on with it.
    """
    with Lease() as lease:
        with scope_of(tenant_id):
            run_id = _insert(name, tenant_id, params=params, actor=actor)
        taken = lease.take(run_id)
        if taken is None:
            raise AlreadyOver("The run was cancelled, or taken by a worker, before it began.")
        return conclude(taken, lease, jobs()[name], is_here=True)


def _insert(name: str, tenant_id: UUID | None, **about: Any) -> UUID:
    if name not in jobs():
        raise LookupError(f"There is no job {name}.")
    return insert(name, tenant_id, **about)


def _first(sql: str, *parameters: Any) -> tuple[Any, ...] | None:
    return next(iter(execute(Statement(sql, parameters))), None)
