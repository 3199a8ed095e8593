"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from governance.retention import sweep, windows
from stateward.operations.jobs.registry import job

job("retention.sweep", title="Delete what retention rules have come to", per_tenant=True)(
    sweep.sweep
)
job("retention.windows", title="Give up what windows no longer keep", per_tenant=True)(
    windows.apply_windows
)
