"""Examinations of what works in the background, by the traces it leaves in the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import connection

from stateward.operations.doctor.findings import Finding, error, ok, warning

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
    """It queues a run of some job every minute."""
    age = _age("SELECT clock_timestamp() - max(queued_at) FROM stateward_job_run")
    if age is None:
        yield warning("beat", "No job has ever been queued.", f"See that beat runs. {LOG}")
    elif age > BEAT_SILENT:
        yield error("beat", f"Nothing has been queued for {_minutes(age)}.", f"Start beat. {LOG}")
    else:
        yield ok("beat", f"The newest run of a job was queued {age.total_seconds():.0f} s ago.")


def worker() -> Iterator[Finding]:
    """What is queued is taken within minutes."""
    age = _age(
        "SELECT clock_timestamp() - min(queued_at) FROM stateward_job_run WHERE state = 'queued'"
    )
    if age is not None and age > WORKER_LATE:
        yield error(
            "worker", f"A run of a job has waited for {_minutes(age)}.", f"Start a worker. {LOG}"
        )
    else:
        yield ok("worker", "No run of a job waits for long.")


def _age(query: str) -> timedelta | None:
    with connection.cursor() as cursor:
        cursor.execute(query)
        age: timedelta | None = cursor.fetchone()[0]
    return age


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} minutes"
