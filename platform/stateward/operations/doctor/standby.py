"""Examination of the standby, where there is one: does it follow, and how far behind is it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from django.conf import settings

from stateward.gate.sequence.positions import STANDING
from stateward.operations.doctor.findings import Finding, error, ok, warning

LATE_SECONDS = 5.0
GONE = "State goes on: reads go to the primary."


def standby() -> Iterator[Finding]:
    """Losing it loses nothing, so nothing here is worse than a warning but one that takes writes of
    its own.
    """
    address = settings.DATA_PLANE_STANDBY_URL
    if not address:
        yield ok("standby", "None is configured.")
        return
    try:
        with psycopg.connect(address, connect_timeout=3, autocommit=True) as connection:
            row = connection.execute(STANDING).fetchone()
    except psycopg.Error as problem:
        yield warning(
            "standby",
            f"The standby does not answer: {type(problem).__name__}. {GONE}",
            "Look at its log; if its slot is lost, copy it anew (pg_basebackup, or `make up`).",
        )
        return
    is_standby, _, lag = row if row is not None else (False, "", 0.0)
    if not is_standby:
        yield error(
            "standby",
            f"STATEWARD_STANDBY_DATABASE_URL names a server that is no standby. {GONE}",
            "If it was promoted, point STATEWARD_DATABASE_URL at it and name another standby.",
        )
    elif lag > LATE_SECONDS:
        yield warning(
            "standby",
            f"The standby is {lag:.0f} s behind. {GONE if lag > _limit() else ''}".strip(),
            "See that its replay is not paused, its slot not lost, and the data plane running.",
        )
    else:
        yield ok("standby", f"The standby follows, {max(0.0, lag):.1f} s behind.")


def _limit() -> float:
    return float(settings.STANDBY_MAX_LAG_SECONDS)
