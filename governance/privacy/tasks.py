"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from datetime import timedelta

from governance.privacy import erasing, indexing, rescanning, resuming
from stateward.operations.jobs.registry import job

job("privacy.index", title="Find who is named where", longest=timedelta(minutes=30))(
    indexing.index_subjects
)
job("privacy.erase", title="Erase a person")(erasing.erase)
job("privacy.resume", title="Go on with erasures that wait")(resuming.resume)
job(
    "privacy.rescan",
    title="Look for what was erased",
    per_tenant=True,
    longest=timedelta(hours=1),
)(rescanning.rescan)
