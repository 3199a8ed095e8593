"""The whole timetable, in one place. Times are the database's, in UTC."""

from __future__ import annotations

from datetime import timedelta

from stateward.operations.jobs.scheduler import SlotScheduler
from stateward.operations.jobs.timetable import Slot

TIMETABLE = (
    Slot("expire_entries", every=timedelta(seconds=15)),
    Slot("count_records", every=timedelta(minutes=1), after=timedelta(seconds=2)),
    Slot("evaluate_detection", every=timedelta(minutes=1), after=timedelta(seconds=20)),
    Slot("privacy.index", every=timedelta(minutes=1), after=timedelta(seconds=40)),
    Slot("audit.deliver", every=timedelta(seconds=15), after=timedelta(seconds=8)),
    Slot("alerts.deliver", every=timedelta(minutes=1), after=timedelta(seconds=40)),
    Slot("audit.deliver", every=timedelta(seconds=15), after=timedelta(seconds=8)),
    Slot("risk.count", every=timedelta(minutes=15), after=timedelta(minutes=3)),
    Slot("roll_up_metrics", every=timedelta(minutes=5)),
    Slot("analyse_namespaces", every=timedelta(hours=1), after=timedelta(minutes=11)),
    Slot("privacy.rescan", every=timedelta(days=1), after=timedelta(hours=3, minutes=50)),
    Slot("privacy.resume", every=timedelta(hours=1), after=timedelta(minutes=27)),
    Slot("measure_storage", every=timedelta(hours=1), after=timedelta(minutes=2)),
    Slot("clear_idempotency_keys", every=timedelta(hours=1), after=timedelta(minutes=7)),
    Slot("forget_changes", every=timedelta(hours=1), after=timedelta(minutes=11)),
    Slot("clear_job_runs", every=timedelta(days=1), after=timedelta(hours=2)),
    Slot("backup.create", every=timedelta(days=1), after=timedelta(hours=1, minutes=30)),
    Slot("backup.drill", every=timedelta(days=7), after=timedelta(hours=4)),
    Slot("delete_closed_tenants", every=timedelta(hours=1), after=timedelta(minutes=37)),
    Slot("clear_sessions", every=timedelta(hours=6), after=timedelta(minutes=17)),
    Slot("retention.sweep", every=timedelta(days=1), after=timedelta(hours=1, minutes=23)),
    Slot("keys.reencrypt", every=timedelta(hours=6), after=timedelta(minutes=41)),
    Slot("keys.destroy", every=timedelta(hours=1), after=timedelta(minutes=47)),
    Slot("keys.survey", every=timedelta(days=1), after=timedelta(hours=3, minutes=40)),
    Slot("compliance.scan", every=timedelta(days=1), after=timedelta(hours=4)),
    Slot("capacity.report", every=timedelta(days=1), after=timedelta(hours=4, minutes=30)),
    Slot("maintain_partitions", every=timedelta(days=1), after=timedelta(hours=3)),
    Slot("drop_months", every=timedelta(days=1), after=timedelta(hours=3, minutes=15)),
    Slot("classification.follow", every=timedelta(minutes=5), after=timedelta(minutes=3)),
    Slot("retention.windows", every=timedelta(minutes=15), after=timedelta(minutes=4)),
    Slot("compress_history", every=timedelta(days=1), after=timedelta(hours=2, minutes=30)),
)


class TimetableScheduler(SlotScheduler):
    """What ``celery beat`` runs."""

    timetable = TIMETABLE
