"""The broker's part: a reminder that a run waits. It may be lost; the row is not."""

from __future__ import annotations

import logging
from uuid import UUID

from kombu.exceptions import OperationalError as BrokerError

from stateward.operations.jobs.broker import app

log = logging.getLogger("stateward.jobs")


def task_name(job: str) -> str:
    """What Celery calls the job."""
    return f"stateward.{job}"


def send(name: str, run_id: UUID) -> None:
    """Remind a worker now. Where the broker is away, beat reminds one later."""
    try:
        app.send_task(task_name(name), args=[str(run_id)], retry=False)
    except BrokerError:
        log.warning("job.not_sent", extra={"job": name, "run_id": str(run_id)})
