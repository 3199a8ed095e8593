"""Which workers and beats are alive: each says so every few seconds."""

from __future__ import annotations

import logging
import threading
from typing import Any

import psycopg
from django.conf import settings

from stateward.kernel.flow import Flow, Statement
from stateward.operations.jobs.naming import worker_name

log = logging.getLogger("stateward.jobs")

EVERY_SECONDS = 5.0

SEEN = """
INSERT INTO stateward_job_process (name, kind) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()
"""
FORGET = """
DELETE FROM stateward_job_process
WHERE name = %s OR seen_at < clock_timestamp() - interval '1 day'
"""


class Heartbeat:
    """A worker's, from a thread of its main process, whose children do the work.

    Each beat is a session of its own: what is open when a child is forked is open in both.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._name = worker_name()
        self._thread = threading.Thread(target=self._beat_forever, daemon=True)

    def begin(self, **kwargs: Any) -> None:
        self._thread.start()

    def end(self, **kwargs: Any) -> None:
        """The worker leaves in good order, and is no longer listed."""
        self._stop.set()
        self._say(FORGET, (self._name,))

    def _beat_forever(self) -> None:
        while not self._stop.is_set():
            self._say(SEEN, (self._name, "worker"))
            self._stop.wait(EVERY_SECONDS)

    @staticmethod
    def _say(sql: str, parameters: tuple[str, ...]) -> None:
        try:
            with psycopg.connect(
                settings.DATA_PLANE_DATABASE_URL, autocommit=True, connect_timeout=3
            ) as session:
                session.execute(sql, parameters)
        except psycopg.Error as error:
            log.warning("worker.silent", extra={"kind": type(error).__name__})


def beat_seen() -> Flow[None]:
    """A beat's, on the connection it looks at the timetable with."""
    yield Statement(SEEN, (worker_name(), "beat"))
