"""A timetable with one slot a second."""

from __future__ import annotations

from datetime import timedelta

from stateward.operations.jobs.scheduler import SlotScheduler
from stateward.operations.jobs.timetable import Slot


class EachSecond(SlotScheduler):
    """What ``celery beat --scheduler`` runs."""

    timetable = (Slot("probe_tick", every=timedelta(seconds=1)),)
