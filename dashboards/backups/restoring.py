"""The restore wizard: source, target, plan, confirmation. It only reads until its last step."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.backups.backups import job_url, row_of, title_of
from dashboards.requests import ConsoleRequest, Crumb, address, page
from stateward.gate.policy.permits import permit
from stateward.kernel.errors import Conflict, NotFound, Unavailable, Unprocessable
from stateward.operations.backups import services
from stateward.operations.backups.acts import resource_of
from stateward.operations.backups.planning import Plan
from stateward.operations.backups.queries import readable_backup, readable_restores, under_way
from stateward.tenancy.scope import tenant_scope

REFUSED = (Conflict, Unprocessable, Unavailable)
LONGEST_SLUG = 63


@page
def wizard(request: ConsoleRequest, backup_id: UUID) -> HttpResponse:
    """One address for all steps: the target is in it, so a plan can be shared and gone back to."""
    with tenant_scope(request.tenant.tenant_id):
        backup = readable_backup(request.actor, request.call, backup_id)
        permit(request.actor, request.call, "backup.restore", resource_of(backup))
    into = _slug(request.GET.get("into", ""))
    context: dict[str, Any] = {
        "backup": backup,
        "into": into,
        "proposal": _proposal(request.tenant.tenant_slug, backup.taken_at),
        "crumbs": [
            Crumb("Backups", address(request, "backups")),
            Crumb(title_of(backup), address(request, "backup", backup.id)),
            Crumb("Restore"),
        ],
    }
    plan, fault = _plan(request, backup_id, into) if into else (None, None)
    context |= {"plan": plan, "fault": fault}
    if request.method == "POST" and plan is not None:
        typed = _slug(request.POST.get("typed", ""))
        try:
            made = services.ask_for_restore(
                request.actor, request.call, backup_id, into=into, confirm=typed
            )
        except REFUSED as error:
            context |= {"fault": error, "typed": typed}
        else:
            return redirect(job_url(request, made.run_id) or address(request, "restore", made.id))
    status = getattr(context["fault"], "status", 200)
    return render(request, "backups/restore.html", context, status=status)


@page
def restore(request: ConsoleRequest, restore_id: UUID) -> HttpResponse:
    """One restore: how it stands, and afterwards what was written."""
    with tenant_scope(request.tenant.tenant_id):
        found = (
            readable_restores(request.actor, request.call)
            .select_related("backup")
            .filter(id=restore_id)
            .first()
        )
        if found is None:
            raise NotFound
        alive = under_way([found])
    context = {
        "row": row_of(found, alive),
        "written": list(found.report.get("rows", {}).items()),
        "kept": list(found.report.get("kept", {}).items()),
        "left_out": list(found.report.get("left_out", {}).items()),
        "job_url": job_url(request, found.run_id),
        "crumbs": [Crumb("Backups", address(request, "backups")), Crumb("Restore")],
    }
    return render(request, "backups/restored.html", context)


def _plan(
    request: ConsoleRequest, backup_id: UUID, into: str
) -> tuple[Plan | None, Exception | None]:
    try:
        return services.plan(request.actor, request.call, backup_id, into), None
    except REFUSED as error:
        return None, error


def _slug(text: str) -> str:
    return text.replace("\x00", "").strip()[: LONGEST_SLUG + 1]


def _proposal(slug: str, taken_at: Any) -> str:
    """A name for the new tenant that says what it is."""
    mark = f"-{taken_at:%d%b}".lower() if taken_at else "-restored"
    return f"{slug[: LONGEST_SLUG - len(mark)]}{mark}"
