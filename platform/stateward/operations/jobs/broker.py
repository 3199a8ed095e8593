"""Celery as every process of ours knows it; ``stateward/celery.py`` adds what workers need."""

from __future__ import annotations

from datetime import timedelta

from celery import Celery
from django.conf import settings

# No job may be at it for longer; one that needs longer is made of turns.
LONGEST = timedelta(hours=1)

app = Celery("stateward")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # Beyond the longest task, or that would run twice.
        "visibility_timeout": int(LONGEST.total_seconds()) + 60,
        # With the defaults a killed worker's messages come back only after some 100 seconds.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
    },
    beat_scheduler="stateward.schedule:TimetableScheduler",
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue="stateward",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=int(LONGEST.total_seconds()),
    worker_prefetch_multiplier=1,
    # A run goes on without the broker: its row says what it did, a second message finds it done.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=1000,
    timezone="UTC",
)
