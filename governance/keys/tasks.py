"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from governance.keys import destroying, reencryption, survey
from stateward.operations.jobs.registry import job

job("keys.reencrypt", title="Seal old values under the newest keys", per_tenant=True)(
    reencryption.reencrypt
)
job("keys.destroy", title="Destroy keys whose days of grace are over", per_tenant=True)(
    destroying.destroy_due
)
job("keys.survey", title="Count what is under each key", per_tenant=True)(survey.survey)
