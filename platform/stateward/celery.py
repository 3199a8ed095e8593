"""Celery brings jobs to workers and forgets: runs, results and the timetable are PostgreSQL's.

The broker may lose everything it holds. What it loses is sent again from the rows of the runs.
"""

from __future__ import annotations

import os
import sys
from typing import Any, cast

from celery import Celery, signals
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.production")

LONGEST_SECONDS = 300  # a job that needs more is made of steps

app = Celery("stateward")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": LONGEST_SECONDS
        + 60,  # beyond the longest task, or it would run twice
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
app.autodiscover_tasks(["stateward.operations"])


def refuse_wrong_root_key(**kwargs: Any) -> None:
    """A process with the wrong root key must not begin."""
    from stateward.gate.keys.checks import root_key_problems  # noqa: PLC0415  # Django is ready now

    problems = root_key_problems()
    database = cast(DatabaseWrapper, connections["default"])
    database.close()
    database.close_pool()  # children that are forked later make their own
    if problems:
        sys.exit("\n".join(f"{problem.msg} {problem.hint or ''}" for problem in problems))


signals.worker_init.connect(refuse_wrong_root_key)
signals.beat_init.connect(refuse_wrong_root_key)
