"""Celery brings jobs to workers and forgets: runs, results and the timetable are PostgreSQL's.

The broker may lose everything it holds. What it loses is sent again from the rows of the runs.
"""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import signals
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.production")

from stateward.operations.jobs.broker import app  # it reads the settings
from stateward.operations.jobs.heartbeats import Heartbeat

app.autodiscover_tasks()  # tasks.py of every app


def begin(**kwargs: Any) -> None:
    """Before a worker or beat starts; Django is ready now."""
    from stateward.gate.keys.checks import refuse_wrong_root_key  # noqa: PLC0415

    refuse_wrong_root_key()


def set_up_logs(**kwargs: Any) -> None:
    """Ours, in Celery's place: that this is connected keeps Celery from making its own."""
    logging.config.dictConfig(settings.LOGGING)


signals.setup_logging.connect(set_up_logs)
signals.worker_init.connect(begin)
signals.beat_init.connect(begin)

heartbeat = Heartbeat()
signals.worker_ready.connect(heartbeat.begin)
signals.worker_shutdown.connect(heartbeat.end)
