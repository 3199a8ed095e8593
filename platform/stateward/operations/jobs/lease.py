"""Who holds a run: a lease with a fencing token, renewed by a thread while the work goes on.

The holder has a database session beside the one it works on. It renews the lease, and holds an
advisory lock named after run and token: when the process is killed the session ends, the lock with
it, and another worker may take over at once. A process that only hangs keeps its lock, and loses
the run when its lease ends. Either way the token rises, and ``Run.guard`` finds the old one gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
from django.conf import settings
from psycopg.errors import LockNotAvailable

from stateward.operations.jobs.interruptions import Cancelled, LeaseLost
from stateward.operations.jobs.naming import worker_name

LEASE = timedelta(seconds=20)
RENEW_SECONDS = 2.0
WRITE_SECONDS = 0.1  # progress that comes faster is written with the next
DEATHS = 5  # of workers without a checkpoint between them; then the run is given up
LINES = 1_000
GIVEN_UP = "given up: its workers died"

# What is not held can be taken: never begun, or its holder's session is gone, or it hangs.
FREE = """(state = 'queued' OR leased_until < clock_timestamp()
    OR NOT stateward_job_is_held(run_id, token))"""
PATIENCE = "SET lock_timeout = '1s'; SET client_connection_check_interval = '1s'"
LOOK = f"""
SELECT tenant_id, name, state, is_cancelled, token FROM stateward_job_open
WHERE run_id = %s AND {FREE} FOR UPDATE
"""
SCOPE = "SELECT set_config('stateward.tenant', %s, false)"
RECALL = """
SELECT params, checkpoint, deaths, actor_type, actor_id, slot FROM stateward_job_run WHERE id = %s
"""
TAKE = """
UPDATE stateward_job_open SET state = 'running', token = token + 1, beat_at = clock_timestamp(),
    leased_until = clock_timestamp() + %s::interval
WHERE run_id = %s RETURNING token, pg_try_advisory_lock(stateward_job_lock(run_id, token))
"""
BEGUN = """
UPDATE stateward_job_run SET state = 'running', attempts = attempts + 1, deaths = %s, worker = %s,
    started_at = coalesce(started_at, clock_timestamp()) WHERE id = %s
"""
RENEW = """
UPDATE stateward_job_open SET leased_until = clock_timestamp() + %s::interval,
    beat_at = clock_timestamp(), done = %s, total = %s, stage = %s
WHERE run_id = %s AND token = %s RETURNING is_cancelled
"""
LINE = """
WITH open AS (
    UPDATE stateward_job_open SET lines = lines + 1
    WHERE run_id = %s AND token = %s AND lines < %s RETURNING run_id, lines)
INSERT INTO stateward_job_line (run_id, number, tenant_id, text)
SELECT run_id, lines, %s, %s FROM open
"""
END = """
DELETE FROM stateward_job_open WHERE run_id = %s AND token = %s
RETURNING done, total, stage, stopped_by
"""
ENDED = """
UPDATE stateward_job_run SET state = %s, result = %s::jsonb, has_findings = %s, error = %s,
    done = %s, total = %s, stage = %s, stopped_by = %s, finished_at = clock_timestamp()
WHERE id = %s
"""
SET_ASIDE = """
WITH open AS (
    UPDATE stateward_job_open SET state = 'queued', sent_at = clock_timestamp()
    WHERE run_id = %s AND token = %s RETURNING run_id)
UPDATE stateward_job_run r SET state = 'queued' FROM open WHERE r.id = open.run_id RETURNING r.id
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A run as its new holder finds it."""

    run_id: UUID
    tenant_id: UUID | None
    name: str
    token: int
    params: Mapping[str, Any]
    checkpoint: Mapping[str, Any] | None
    actor_type: str
    actor_id: UUID | None
    slot: datetime | None


class Lease:
    """A session of its own for one run. A context manager: leaving it ends the session."""

    def __init__(self) -> None:
        self._session = psycopg.connect(
            settings.DATA_PLANE_DATABASE_URL, autocommit=True, application_name="stateward job"
        )
        self._session.execute(PATIENCE)
        self._taken: Taken | None = None
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()
        self._renewing = threading.Thread(target=self._renew_forever, daemon=True)
        self._progress: tuple[int, int | None, str] = (0, None, "")
        self._is_lost = self._is_cancelled = False
        self._began = self._written = time.monotonic()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        if self._renewing.is_alive():
            self._renewing.join()
        self._session.close()

    @property
    def age(self) -> timedelta:
        """For how long it has been ours."""
        return timedelta(seconds=time.monotonic() - self._began)

    def take(self, run_id: UUID) -> Taken | None:
        """Make the run ours; None where it is over, or somebody is at it.

        A run that was cancelled, or has killed too many workers, is ended here.
        """
        try:
            with self._session.transaction():
                self._taken = self._take(run_id)
        except LockNotAvailable:
            return None
        if self._taken:
            self._renewing.start()
        return self._taken

    def _take(self, run_id: UUID) -> Taken | None:
        found = self._session.execute(LOOK, (run_id,)).fetchone()
        if found is None:
            return None
        tenant_id, name, state, is_cancelled, token = found
        self._session.execute(SCOPE, (str(tenant_id or ""),))
        row = self._session.execute(RECALL, (run_id,)).fetchone()
        if row is None:  # its tenant is being deleted
            return None
        params, checkpoint, deaths, *about = row
        deaths += state == "running"
        if is_cancelled:
            self._end(run_id, token, "cancelled")
            return None
        if deaths >= DEATHS:
            self._end(run_id, token, "failed", error=GIVEN_UP)
            return None
        taken = self._session.execute(TAKE, (LEASE, run_id)).fetchone()
        if taken is None or not taken[1]:
            raise LockNotAvailable
        self._session.execute(BEGUN, (deaths, worker_name(), run_id))
        return Taken(run_id, tenant_id, name, taken[0], params, checkpoint, *about)

    def report(self, done: int, total: int | None, stage: str) -> None:
        """Note how far it is; raise what ends the work."""
        is_new = stage != self._progress[2]
        self._progress = (done, total, stage)
        if is_new or time.monotonic() - self._written >= WRITE_SECONDS:
            self._renew()
        if self._is_lost:
            raise LeaseLost
        if self._is_cancelled:
            raise Cancelled

    def add_line(self, text: str) -> None:
        """Beyond the most that are kept a line is dropped: the first ones tell more."""
        taken = self._held()
        with self._one_at_a_time:
            self._session.execute(LINE, (taken.run_id, taken.token, LINES, taken.tenant_id, text))

    def finish(
        self,
        state: str,
        *,
        result: Mapping[str, Any] | None = None,
        has_findings: bool = False,
        error: str | None = None,
    ) -> None:
        """The run is over; LeaseLost where it is not ours to end."""
        taken = self._held()
        self._renew()
        with self._one_at_a_time, self._session.transaction():
            self._end(
                taken.run_id,
                taken.token,
                state,
                result=result,
                has_findings=has_findings,
                error=error,
            )

    def set_aside(self) -> None:
        """Put the run back in the queue; LeaseLost where it is not ours."""
        taken = self._held()
        with self._one_at_a_time:
            is_ours = self._session.execute(SET_ASIDE, (taken.run_id, taken.token)).fetchone()
        if not is_ours:
            raise LeaseLost

    def _end(
        self,
        run_id: UUID,
        token: int,
        state: str,
        *,
        result: Mapping[str, Any] | None = None,
        has_findings: bool = False,
        error: str | None = None,
    ) -> None:
        progress = self._session.execute(END, (run_id, token)).fetchone()
        if progress is None:
            raise LeaseLost
        counts = None if result is None else orjson.dumps(dict(result), default=str).decode()
        self._session.execute(ENDED, (state, counts, has_findings, error, *progress, run_id))

    def _held(self) -> Taken:
        if self._taken is None or self._is_lost:
            raise LeaseLost
        return self._taken

    def _renew_forever(self) -> None:
        while not self._stop.wait(RENEW_SECONDS) and not self._is_lost:
            self._renew()

    def _renew(self) -> None:
        taken = self._held()
        with self._one_at_a_time:
            self._written = time.monotonic()
            try:
                row = self._session.execute(
                    RENEW, (LEASE, *self._progress, taken.run_id, taken.token)
                ).fetchone()
            except psycopg.Error:
                # With the session the lock is gone, so the run is no longer surely ours.
                row = None
        self._is_lost = row is None
        self._is_cancelled = row is not None and row[0]
