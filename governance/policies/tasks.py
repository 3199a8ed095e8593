"""The jobs of this app; they are asked for, never on the timetable."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from governance.policies.dry_runs import JOB, carry_out
from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run


@job(JOB, title="Dry run of a policy", per_tenant=True, longest=timedelta(minutes=30))
def dry_run(run: Run) -> Outcome:
    """Replay the window that the dry run in ``params`` names."""
    made = carry_out(UUID(str(run.params["dry_run"])), run)
    result = made.result or {}
    numbers = {name: value for name, value in result.items() if isinstance(value, int)}
    return Outcome({"dry_run": str(made.id), **numbers})
