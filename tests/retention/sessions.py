"""Other sessions that get in the way, and knowing when somebody waits for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connections

WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND wait_event_type = 'Lock' AND query LIKE %s
  AND (%s::int IS NULL OR %s = ANY (pg_blocking_pids(pid)))
"""


def in_thread(act: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException | None]]:
    """``act`` begun beside us; what it raised, once it has ended."""
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            act()
            outcome.append(None)
        except Exception as error:
            outcome.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def wait_until_somebody_waits(text: str) -> None:
    """Until a session of this database waits for a lock in a statement with ``text``."""
    _wait(text, None)


def wait_until_blocked(session: psycopg.Connection[Any], text: str) -> None:
    """The same, and it is ``session`` that is in its way."""
    _wait(text, session.info.backend_pid)


def _wait(text: str, blocker: int | None) -> None:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True) as watch:
        for _ in range(4000):
            row = watch.execute(WAITS, (f"%{text}%", blocker, blocker)).fetchone()
            if row and row[0]:
                return
            watch.execute("SELECT pg_sleep(0.005)")
    raise AssertionError(f"nobody came to wait in {text}")
