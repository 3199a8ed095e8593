"""Carrying a run out: PostgreSQL remembers it, Celery only reminds a worker of it.

A reminder may come twice, late, or while another is at work. Whoever takes the run's lease does the
work; the others find it held, or over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from django.db import connection

from stateward.kernel.errors import StatewardError
from stateward.operations.jobs.fanning import fan_out
from stateward.operations.jobs.interruptions import Cancelled, LeaseLost, Paused
from stateward.operations.jobs.lease import Lease, Taken
from stateward.operations.jobs.running import Job, Outcome, Run
from stateward.operations.jobs.sending import send
from stateward.operations.logs import bound

log = logging.getLogger("stateward.jobs")

# The server looks once a second whether we are still there, also in the middle of a statement: what
# a killed worker left undone does not stand in its successor's way.
ATTENTION = "SET client_connection_check_interval = '1s'"

# Where a failure is told to have happened.
OURS = ("stateward.", "governance.", "dashboards.")


def carry_out(run_id: UUID, find: Callable[[str], Job]) -> bool:
    """Do the work of a run, if nobody else does or did; whether it was done here.

    What the job raises is logged and noted, not raised.
    """
    with Lease() as lease:
        taken = lease.take(run_id)
        if taken is None:
            return False
        with bound(run_id=str(run_id), job=taken.name):
            return _carry_out(taken, lease, find(taken.name))


def _carry_out(taken: Taken, lease: Lease, job: Job) -> bool:
    try:
        outcome = conclude(taken, lease, job)
    except Cancelled:
        log.info("job.cancelled")
    except LeaseLost:
        log.warning("job.lost", extra={"token": taken.token})
    except Paused:
        lease.set_aside()
        send(taken.name, taken.run_id)
    except StatewardError as refusal:
        log.warning("job.refused", extra={"code": refusal.code})
    except Exception:
        log.exception("job.failed")
    else:
        seconds = round(lease.age.total_seconds(), 3)
        log.info("job.done", extra={"seconds": seconds, "has_findings": outcome.has_findings})
        return True
    return False


def conclude(taken: Taken, lease: Lease, job: Job, *, is_here: bool = False) -> Outcome:
    """Do the work and write down how it ended; raises what the job raised.

    ``is_here``: by a command that waits for it, and so is never set aside.
    """
    with connection.cursor() as cursor:
        cursor.execute(ATTENTION)
    try:
        work = fan_out if job.is_per_tenant and taken.tenant_id is None else job.work
        outcome = work(Run(taken, lease, turn=None if is_here else job.turn))
    except (Cancelled, KeyboardInterrupt):
        lease.finish("cancelled")
        raise
    except Exception as error:
        lease.finish("failed", error=_kind_of(error))
        raise
    lease.finish("done", result=outcome.result, has_findings=outcome.has_findings)
    return outcome


def _kind_of(error: Exception) -> str:
    """A refusal's own sentence; else the class and the innermost place of ours it came from: its
    text may hold values.
    """
    if isinstance(error, StatewardError):
        return error.sentence()
    trace = error.__traceback__
    place = ""
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith(OURS):
            place = f" in {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"
