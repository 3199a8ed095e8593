"""Examinations of what works in the background, by the traces it leaves in the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
from django.conf import settings

from stateward.operations.doctor.findings import Finding, error, ok, warning
from stateward.operations.jobs.queries import (
    Standing,
    latest_runs,
    seconds_since_timetable,
    standing,
)
from stateward.operations.jobs.registry import jobs as registered
from stateward.tenancy.scope import run_flow

LOG = "Its log is under STATEWARD_HOME/logs, or where your service manager keeps it."
BEAT_SILENT = timedelta(minutes=5)  # the timetable has jobs of every minute
WORKER_LATE = timedelta(minutes=5)
LAG_WARNING = timedelta(seconds=10)
LAG_ERROR = timedelta(minutes=1)

# A record counts as waiting until a signed checkpoint covers it.
WAITING = """
SELECT count(*), coalesce(max(clock_timestamp() - r.at), interval '0')
FROM stateward_audit_record r
WHERE r.at > clock_timestamp() - interval '1 day'
  AND NOT pg_visible_in_snapshot(r.xid, (SELECT snapshot FROM stateward_pass
                                          ORDER BY number DESC LIMIT 1))
"""


def sealing_lag() -> Iterator[Finding]:
    """How long the oldest record waits; only the sequencer's role sees those of all tenants."""
    if not settings.SEQUENCER_DATABASE_URL:
        yield ok("sealing_lag", "Not known here: STATEWARD_SEQUENCER_DATABASE_URL is the sealer's.")
        return
    try:
        with psycopg.connect(settings.SEQUENCER_DATABASE_URL, connect_timeout=5) as sequencer:
            row = sequencer.execute(WAITING).fetchone()
    except psycopg.Error as problem:
        yield error(
            "sealing_lag",
            f"The sequencer's role cannot ask: {str(problem).strip().splitlines()[0]}",
            "Check STATEWARD_SEQUENCER_DATABASE_URL.",
        )
        return
    count, lag = row or (0, timedelta())
    says = f"{count} records wait for their seal, the oldest for {lag.total_seconds():.1f} s."
    if lag > LAG_WARNING:
        level = error if lag > LAG_ERROR else warning
        yield level("sealing_lag", says, f"See that the sealer runs. {LOG}")
    else:
        yield ok("sealing_lag", says)


def beat() -> Iterator[Finding]:
    """It says every few seconds that it is there, and takes a slot every few seconds too."""
    queue = run_flow(standing())
    age = run_flow(seconds_since_timetable())
    if not queue.lives("beat"):
        yield error("beat", f"No beat is alive{_last_seen(queue, 'beat')}.", f"Start beat. {LOG}")
    elif age is None:
        yield warning("beat", "No slot has ever been taken.", f"See that beat runs. {LOG}")
    elif age > BEAT_SILENT.total_seconds():
        yield error("beat", f"No slot has been taken for {age / 60:.0f} minutes.", LOG)
    else:
        yield ok("beat", f"The newest slot of the timetable was taken {age:.0f} s ago.")


def worker() -> Iterator[Finding]:
    """Somebody is there for what is queued, and takes it within minutes."""
    queue = run_flow(standing())
    count = sum(one.kind == "worker" and one.is_alive for one in queue.processes)
    if not count:
        silent = _last_seen(queue, "worker")
        yield error("worker", f"No worker is alive{silent}.", f"Start a worker. {LOG}")
    elif queue.oldest is not None and queue.oldest > WORKER_LATE:
        says = f"A run of a job has waited for {_minutes(queue.oldest)}; {queue.queued} wait."
        yield error("worker", says, f"Start more workers, or see what keeps them. {LOG}")
    elif queue.hanging:
        says = f"{queue.hanging} runs are in the hands of silent workers."
        yield warning("worker", says, f"They are taken over by themselves; see why. {LOG}")
    else:
        yield ok("worker", f"{count} alive; {queue.queued} runs wait, {queue.running} are at work.")


def jobs() -> Iterator[Finding]:
    """The platform's jobs of late, and tenants' as far as the queue shows them."""
    latest = run_flow(latest_runs(list(registered())))
    failed = [run for (_, is_own), run in latest.items() if not is_own and run.state == "failed"]
    for run in failed:
        title = registered()[run.name].title
        yield warning(
            "jobs", f"Failed the last time: {title}: {run.error}.", f"Run {run.id}. {LOG}"
        )
    if not failed:
        yield ok("jobs", f"{len(latest)} jobs of the platform have run; none failed the last time.")


def _last_seen(queue: Standing, kind: str) -> str:
    silent = min((one.silent for one in queue.processes if one.kind == kind), default=None)
    return f"; the last gave a sign {_minutes(silent)} ago" if silent is not None else ""


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} minutes"
