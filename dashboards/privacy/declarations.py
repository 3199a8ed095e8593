"""Where persons are named: declaring it, and taking it back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.privacy.forms import DeclarationForm
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.privacy.services.declarations import declare_subjects, withdraw_declaration
from stateward.kernel.errors import Conflict, Unprocessable

UNFIT = (Conflict, Unprocessable)


@page
def declare(request: ConsoleRequest) -> HttpResponse:
    initial = {"namespace": request.GET.get("namespace", "")[:640]}
    form = DeclarationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        data["namespace"] = data["namespace"].strip()
        try:
            declare_subjects(request.actor, request.call, **data)
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, f"{data['kind']} is declared; what is stored is walked now.")
            return redirect(address(request, "subjects"))
    crumbs = [Crumb("Subject requests", address(request, "subjects")), Crumb("Name a place")]
    context = {"form": form, "crumbs": crumbs}
    status = 422 if form.is_bound else 200
    return render(request, "privacy/declaration_form.html", context, status=status)


@require_POST
@page
def undeclare(request: ConsoleRequest, declaration_id: UUID) -> HttpResponse:
    withdraw_declaration(request.actor, request.call, declaration_id)
    messages.success(request, "That place is no longer looked at.")
    return redirect(address(request, "subjects"))
