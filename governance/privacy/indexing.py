"""The job that keeps the subject index: a pass over each tenant that names persons anywhere."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from governance.privacy.acts import own_call, record, system
from governance.privacy.following import follow
from governance.privacy.index import (
    START,
    Pass,
    begin_pass,
    change_step,
    end_pass,
    unwalked,
    walk_step,
)
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


def index_subjects(run: Run) -> Outcome:
    """A pass over the run's tenant, or over all of them."""
    counts: Counter[str] = Counter({"tenants": 0, "walked": 0})
    tenants = [run.tenant_id] if run.tenant_id else _tenants()
    for number, tenant_id in enumerate(tenants):
        _pass(run, tenant_id, counts)
        run.progress(number + 1, len(tenants), "indexing")
    return Outcome(dict(counts))


def _tenants() -> list[UUID]:
    return list(Tenant.objects.order_by("id").values_list("id", flat=True))


def _pass(run: Run, tenant_id: UUID, counts: Counter[str]) -> None:
    with tenant_scope(tenant_id):
        run.guard()
        one = run_flow(begin_pass(tenant_id))
        waiting = run_flow(unwalked(tenant_id, one.spaces))
        if not waiting and not any(space.declared for space in one.spaces.values()):
            run_flow(end_pass(tenant_id, one))
            follow(tenant_id, one.at)
            return
    counts["tenants"] += 1
    for space, key, version in waiting:
        walk: tuple[str, int] | None = (key, version)
        while walk is not None:
            with tenant_scope(tenant_id):
                run.guard()
                walk = run_flow(walk_step(tenant_id, space, *walk))
            run.progress(counts["walked"], None, "walking")
        counts["walked"] += 1
    _changes(run, tenant_id, one)
    with tenant_scope(tenant_id):
        run.guard()
        run_flow(end_pass(tenant_id, one))
        if waiting:
            details = {"event": "subject.indexed", "namespaces": len(waiting)}
            about = ("subject_index", str(tenant_id))
            record(system(tenant_id), own_call(run.id), "subject.manage", about, details)
        follow(tenant_id, one.at)


def _changes(run: Run, tenant_id: UUID, one: Pass) -> None:
    after = START if one.before is not None else None
    while after is not None:
        with tenant_scope(tenant_id):
            run.guard()
            after = run_flow(change_step(tenant_id, one, after))
        run.progress(0, None, "following")
