"""Taking an alert up, closing it, opening it again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.alerts.alerts import about
from dashboards.requests import ConsoleRequest, address, page
from governance.detection.services import alerts as services
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.scope import tenant_scope

LONGEST_NOTE = 2_000


@page
def acknowledge(request: ConsoleRequest, alert_id: UUID) -> HttpResponse:
    """Take it up, or say something more about it."""
    context = about(request, alert_id)
    if request.method == "POST":
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.acknowledge_alert(
                    actor=request.actor, call=request.call, alert_id=alert_id, note=_note(request)
                )
        except Conflict as error:
            context["fault"] = error
        else:
            messages.success(request, "Acknowledged: the alert counts as looked after.")
            return redirect(address(request, "alert", alert_id))
    return render(request, "alerts/acknowledge.html", context)


@page
def resolve(request: ConsoleRequest, alert_id: UUID) -> HttpResponse:
    """Close it, saying what it was."""
    context = about(request, alert_id)
    if request.method == "POST":
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.resolve_alert(
                    actor=request.actor, call=request.call, alert_id=alert_id, note=_note(request)
                )
        except (Conflict, Unprocessable) as error:
            context["fault"] = error
            return render(request, "alerts/resolve.html", context, status=422)
        messages.success(request, "Resolved. What its rule finds from now on is a new alert.")
        return redirect(address(request, "alerts"))
    return render(request, "alerts/resolve.html", context)


@require_POST
@page
def reopen(request: ConsoleRequest, alert_id: UUID) -> HttpResponse:
    """Open a resolved alert again."""
    try:
        with tenant_scope(request.tenant.tenant_id):
            services.reopen_alert(actor=request.actor, call=request.call, alert_id=alert_id)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "Open again.")
    return redirect(address(request, "alert", alert_id))


def _note(request: ConsoleRequest) -> str:
    return request.POST.get("note", "").replace("\x00", "").strip()[:LONGEST_NOTE]
