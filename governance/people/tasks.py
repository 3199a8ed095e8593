"""The jobs of this app; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from governance.people.services.tenants import delete_due_tenants
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.accounts.sessions import forget_ended_sessions


@job("delete_closed_tenants", title="Delete closed tenants", cancellable=False)
def delete_closed_tenants(run: Run) -> Outcome:
    """Delete the closed tenants that two people gave up and whose grace is over."""
    return Outcome({"deleted": len(delete_due_tenants())})


@job("clear_sessions", title="Forget ended sessions", cancellable=False)
def clear_sessions(run: Run) -> Outcome:
    """Forget sessions that have ended, and sign-in attempts that no longer count."""
    return Outcome({"cleared": forget_ended_sessions()})
