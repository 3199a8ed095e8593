"""Celery brings jobs to workers and forgets: runs, results and the timetable are PostgreSQL's.

The broker may lose everything it holds. What it loses is sent again from the rows of the runs.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.production")

LONGEST_SECONDS = 300  # a job that needs more is made of steps

app = Celery("stateward")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # Beyond the longest task, or that would run twice.
        "visibility_timeout": LONGEST_SECONDS + 60,
        # With the defaults a killed worker's messages come back only after some 100 seconds.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    },
    beat_scheduler="stateward.schedule:TimetableScheduler",
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue="stateward",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=LONGEST_SECONDS,
    task_soft_time_limit=LONGEST_SECONDS - 30,
    worker_prefetch_multiplier=1,
    # A run goes on without the broker: its row says what it did, a second message finds it done.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=1000,
    timezone="UTC",
)
app.autodiscover_tasks(["stateward.operations", "governance.people"])


def begin(**kwargs: Any) -> None:
    """Before a worker or beat starts; Django is ready now."""
    from stateward.gate.keys.checks import refuse_wrong_root_key  # noqa: PLC0415

    refuse_wrong_root_key()


signals.worker_init.connect(begin)
signals.beat_init.connect(begin)
