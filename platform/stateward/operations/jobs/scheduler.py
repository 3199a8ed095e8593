"""Celery's beat, told by the database what is due. Two at once fire each slot once."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from celery.beat import Scheduler
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import OperationalError as BrokerError

from stateward.operations.jobs.heartbeats import EVERY_SECONDS, beat_seen
from stateward.operations.jobs.registry import jobs
from stateward.operations.jobs.sending import task_name
from stateward.operations.jobs.timetable import SEND_AGAIN, Due, Slot, take_due
from stateward.tenancy.scope import run_flow

log = logging.getLogger("stateward.jobs")

TICK_SECONDS = 1.0
QUIET_SECONDS = 5.0  # after a failure


class SlotScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Looks at the timetable once a second. ``timetable`` is set by the subclass in schedule.py."""

    timetable: ClassVar[Sequence[Slot]] = ()
    again_after: ClassVar[timedelta] = SEND_AGAIN
    _seen = -EVERY_SECONDS

    def setup_schedule(self) -> None:
        """Nothing is kept beside the database."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; the seconds until the next look."""
        try:
            self._say_so()
            for due in self._due():
                self.app.send_task(task_name(due.name), args=[str(due.run_id)])
                log.info("job.sent", extra={"job": due.name, "run_id": str(due.run_id)})
        except DatabaseError:
            log.exception("timetable.database_unavailable")
            connection.close()
            return QUIET_SECONDS
        except BrokerError:
            # What was taken stays open in its row, and is sent again in a quarter of a minute.
            log.exception("timetable.broker_unavailable")
            return QUIET_SECONDS
        return TICK_SECONDS

    def _due(self) -> list[Due]:
        return run_flow(take_due(self.timetable, jobs(), again_after=self.again_after))

    def _say_so(self) -> None:
        if time.monotonic() - self._seen >= EVERY_SECONDS:
            run_flow(beat_seen())
            self._seen = time.monotonic()
