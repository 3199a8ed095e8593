"""Seeing, stopping and repeating runs, each decided by policy; inside the caller's transaction, in
the tenant's scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.jobs.exceptions import OfThePlatform
from governance.people.acts import note, permit
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.operations.jobs import queries, services
from stateward.operations.jobs.queries import JobRun
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

ANY = Resource("job", "")


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see and do of runs, by the rules as they are now; not recorded."""

    actor: Actor
    call: Call
    policies: PolicyBook

    def allows(self, action: str, about: Resource) -> bool:
        context = call_context(self.call)
        return decide(self.policies, self.actor, action, about, context).allowed

    def readable(self, runs: list[JobRun]) -> list[JobRun]:
        """Those of the runs that may be seen, each asked about by its job's name."""
        return [run for run in runs if self.allows("job.read", resource_of(run))]

    def may_manage(self, run: JobRun) -> bool:
        """Whether cancel and retry would be allowed."""
        return run.tenant_id is not None and self.allows("job.manage", resource_of(run))


def sight_of(actor: Actor, call: Call) -> Sight:
    """Who may read runs at all; else Denied (403)."""
    sight = Sight(actor, call, run_flow(current_policies(actor.tenant_id)))
    if not sight.allows("job.read", ANY):
        permit(actor, call, "job.read", ANY)
    return sight


def find_run(actor: Actor, call: Call, run_id: UUID) -> JobRun:
    """A run of the actor's tenant or of the platform; NotFound (404) for who may not know it."""
    run = run_flow(queries.find_run(actor.tenant_id, run_id))
    permit(actor, call, "job.read", resource_of(run), known_by="job.read")
    return run


def list_runs(
    sight: Sight,
    *,
    name: str | None = None,
    state: str | None = None,
    before: UUID | None = None,
    limit: int,
) -> tuple[list[JobRun], UUID | None]:
    """A page of the tenant's runs, newest first, and where the next one begins.

    The platform's jobs are everybody's: asked for by name, their runs are listed too.
    """
    wanted: dict[str, Any] = {"name": name, "state": state, "before": before, "limit": limit + 1}
    found = run_flow(queries.list_runs(sight.actor.tenant_id, **wanted))
    if name is not None and not found:
        found = run_flow(queries.list_runs(None, **wanted))
    following = found[limit - 1].id if len(found) > limit else None
    return sight.readable(found[:limit]), following


def cancel_run(actor: Actor, call: Call, run_id: UUID) -> JobRun:
    """Have a run of the tenant end: at once where it is queued, else at its next report."""
    run, decision = _manage(actor, call, run_id)
    how = services.cancel(run.id, tenant_id=actor.tenant_id, actor=actor)
    _note(actor, call, "job.cancelled", run, decision=decision, was=run.state, how=how)
    return run_flow(queries.find_run(actor.tenant_id, run_id))


def retry_run(actor: Actor, call: Call, run_id: UUID) -> JobRun:
    """Queue a new run of what failed or was cancelled, with the same parameters."""
    run, decision = _manage(actor, call, run_id)
    new_id = services.retry(run.id, tenant_id=actor.tenant_id, actor=actor)
    _note(actor, call, "job.retried", run, decision=decision, new_run=str(new_id))
    return run_flow(queries.find_run(actor.tenant_id, new_id))


def resource_of(run: JobRun) -> Resource:
    return Resource("job", str(run.id), {"name": run.name})


def _manage(actor: Actor, call: Call, run_id: UUID) -> tuple[JobRun, Decision | None]:
    run = run_flow(queries.find_run(actor.tenant_id, run_id))
    decision = permit(actor, call, "job.manage", resource_of(run), known_by="job.read")
    if run.tenant_id is None:
        raise OfThePlatform
    return run, decision


def _note(
    actor: Actor,
    call: Call,
    event: str,
    run: JobRun,
    **about: Any,
) -> None:
    decision = about.pop("decision")
    details = {"job": run.name, **about}
    resource = resource_of(run)
    note(actor, call, "job.manage", event, about=resource, decision=decision, details=details)
