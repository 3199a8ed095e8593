"""One run of a job: PostgreSQL remembers it, Celery only brings it to a worker.

A message may come twice, late, or while the first is still at work. Whoever carries a run out holds
an advisory lock named after it, on the very connection that does the work. A killed worker's
connection ends and with it the lock; a worker that was only believed dead finds its connection
gone, and can change nothing more. So a job works on Django's connection and on no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

import orjson
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.scope import run_flow

log = logging.getLogger("stateward.jobs")

ATTEMPTS = 5
Result = Mapping[str, int]

LOCK = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
# The server looks once a second whether we are still there, also in the middle of a statement.
PATIENCE = "SET client_connection_check_interval = '1s'; SET LOCAL lock_timeout = '4s'"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
BEGIN = """
UPDATE stateward_job_run SET
    attempts = attempts + 1,
    started_at = coalesce(started_at, clock_timestamp()),
    state = CASE WHEN attempts < %s THEN 'running' ELSE 'failed' END,
    error = CASE WHEN attempts < %s THEN NULL ELSE 'given up: its workers died' END,
    finished_at = CASE WHEN attempts < %s THEN NULL ELSE clock_timestamp() END
WHERE id = %s AND state IN ('queued', 'running') RETURNING state
"""
FINISH = """
UPDATE stateward_job_run
SET state = %s, result = %s::jsonb, error = %s, finished_at = clock_timestamp() WHERE id = %s
"""


def task_name(job: str) -> str:
    """What Celery calls the job."""
    return f"stateward.{job}"


def carry_out(run_id: UUID, job: Callable[[], Result]) -> bool:
    """Do the work of a run, if nobody else does or did; whether it was done here.

    ``job`` answers counts for the run's row. What it raises is logged and noted, not raised: the
    next slot tries anew.
    """
    with _held(run_id) as is_ours:
        if not is_ours or not run_flow(_begin(run_id)):
            return False
        try:
            result = job()
        except Exception as error:
            log.exception("job.failed", extra={"run_id": str(run_id)})
            run_flow(_finish(run_id, "failed", None, _kind_of(error)))
            return False
        run_flow(_finish(run_id, "done", result, None))
    return True


@contextmanager
def _held(run_id: UUID) -> Iterator[bool]:
    name = f"stateward job {run_id}"
    is_ours = _take_lock(name)
    try:
        yield is_ours
    finally:
        # Where the connection broke in the middle, the lock ended with it.
        if is_ours and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(UNLOCK, (name,))


def _take_lock(name: str) -> bool:
    """Whether we got it. The session of a worker that was just killed has a moment to end."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PATIENCE)
            cursor.execute(LOCK, (name,))  # the session's, not the transaction's
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    return True


def _begin(run_id: UUID) -> Flow[bool]:
    """Note that the run is under way; False when it is over, or has killed too many workers."""
    rows = yield Statement(BEGIN, (ATTEMPTS, ATTEMPTS, ATTEMPTS, run_id))
    return bool(rows) and rows[0][0] == "running"


def _finish(run_id: UUID, state: str, result: Result | None, error: str | None) -> Flow[None]:
    counts = None if result is None else _as_json(result)
    yield Statement(FINISH, (state, counts, error, run_id))


def _as_json(result: Result) -> str:
    return orjson.dumps(dict(result)).decode()


def _kind_of(error: Exception) -> str:
    """Its class and the innermost place of ours it came from; its text may hold values."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith(("stateward.", "governance.")):
            place = f" in {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"
