"""One run: how far it is, its log, what came of it; stopping it, and trying it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.jobs.words import Names, names_of, sentence_of, view_of
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.jobs import services
from stateward.kernel.errors import Conflict
from stateward.operations.jobs.queries import lines_of
from stateward.operations.jobs.registry import jobs
from stateward.tenancy.scope import run_flow, tenant_scope


@page
def job(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    """The page of one run; it keeps itself up to date."""
    return render(request, "jobs/job.html", _about(request, run_id))


@page
def cancel(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    """Stop a run, after saying what that means."""
    context = _about(request, run_id)
    if request.method == "POST":
        try:
            with tenant_scope(request.tenant.tenant_id):
                stopped = services.cancel_run(request.actor, request.call, run_id)
        except Conflict as error:
            context["fault"] = error
            return render(request, "jobs/cancel.html", context, status=error.status)
        said = "is cancelled" if stopped.is_over else "stops at its next step"
        messages.success(request, f"{context['view'].title} {said}.")
        return redirect(address(request, "job", run_id))
    return render(request, "jobs/cancel.html", context)


@page
def retry(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    """Try a run again that failed or was cancelled."""
    context = _about(request, run_id)
    if request.method == "POST":
        try:
            with tenant_scope(request.tenant.tenant_id):
                again = services.retry_run(request.actor, request.call, run_id)
        except Conflict as error:
            context["fault"] = error
            return render(request, "jobs/retry.html", context, status=error.status)
        messages.success(request, f"{context['view'].title} is queued again.")
        return redirect(address(request, "job", again.id))
    return render(request, "jobs/retry.html", context)


def _about(request: ConsoleRequest, run_id: UUID) -> dict[str, Any]:
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        run = services.find_run(request.actor, request.call, run_id)
        may_manage = services.sight_of(request.actor, request.call).may_manage(run)
        lines = run_flow(lines_of(run)) if run.tenant_id else []
        names: Names = names_of(tenant_id, [run])
    view = view_of(run, names)
    known = jobs().get(run.name)
    stops = run.state == "queued" or known is None or known.is_cancellable
    return {
        "view": view,
        "run": run,
        "said": sentence_of(view),
        "lines": lines,
        "last_line": lines[-1].number if lines else 0,
        "stopped_by": names.get(run.stopped_by) if run.stopped_by else None,
        "may_cancel": may_manage and not run.is_over and not run.is_cancelled and stops,
        "may_retry": may_manage and run.state in {"failed", "cancelled"},
        "cannot_stop": may_manage and not run.is_over and not stops,
        "crumbs": [Crumb("Jobs", address(request, "jobs")), Crumb(view.title)],
    }
