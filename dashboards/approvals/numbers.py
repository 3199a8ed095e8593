"""How many others must agree to what."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from stateward.gate.approvals import queries
from stateward.gate.approvals.kinds import MOST_NEEDED, find_kind
from stateward.gate.approvals.settings import set_number
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.scope import tenant_scope


@page
def numbers(request: ConsoleRequest) -> HttpResponse:
    """For each kind of act a number; a lower one is asked for first."""
    fault = ""
    if request.method == "POST":
        kind, number = request.POST.get("kind", ""), request.POST.get("number", "")
        try:
            title = find_kind(kind).title
            chosen = int(number) if number.isascii() and number.isdigit() else -1
            asked = set_number(
                request.actor,
                request.call,
                kind,
                number=chosen,
                reason=request.POST.get("reason", ""),
            )
        except (Conflict, Unprocessable) as error:
            fault = error.detail
        else:
            if asked is not None:
                messages.info(request, "Asked: the number stays until the others agree.")
                return redirect(address(request, "approval", asked.id))
            messages.success(request, f"{title}: {chosen} must agree from now on.")
            return redirect(address(request, "approval_numbers"))
    with tenant_scope(request.tenant.tenant_id):
        context = {
            "rows": queries.numbers(request.actor, request.call),
            "may_set": may(request, "tenant.manage").allowed,
            "choices": range(MOST_NEEDED + 1),
            "fault": fault,
            "crumbs": [Crumb("Approvals", address(request, "approvals")), Crumb("Who must agree")],
        }
    return render(request, "approvals/numbers.html", context, status=422 if fault else 200)
