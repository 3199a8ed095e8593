"""Timetables that put nothing of the product's in the way."""

from __future__ import annotations

from datetime import timedelta

from stateward.operations.jobs.scheduler import SlotScheduler
from stateward.operations.jobs.timetable import Slot


class Nothing(SlotScheduler):
    """Only reminds workers of what waits."""

    again_after = timedelta(seconds=1)


class EachSecond(SlotScheduler):
    """One slot a second."""

    timetable = (Slot("probe_tick", every=timedelta(seconds=1)),)
