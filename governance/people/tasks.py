"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from governance.people.services.tenants import delete_due_tenants
from stateward.operations.jobs.runs import Result
from stateward.operations.tasks import job
from stateward.tenancy.accounts.sessions import forget_ended_sessions


def delete_closed_tenants() -> Result:
    """Delete the closed tenants that two people gave up and whose grace is over."""
    return {"deleted": len(delete_due_tenants())}


def clear_sessions() -> Result:
    """Forget sessions that have ended, and sign-in attempts that no longer count."""
    return {"cleared": forget_ended_sessions()}


job(delete_closed_tenants)
job(clear_sessions)
