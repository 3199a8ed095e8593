"""Holds: the matters, what they keep and since when; placing and releasing them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.retention.forms import HoldForm
from dashboards.retention.words import kept_by
from dashboards.state.forms import show_faults
from governance.retention.covered import covered
from governance.retention.queries import readable_hold, readable_holds
from governance.retention.services import holds as services
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.state.models import Hold
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import run_flow, tenant_scope

UNFIT = (Conflict, Unprocessable)
ROWS = 100
PEOPLE = 500


@page
def holds(request: ConsoleRequest) -> HttpResponse:
    """Every matter that keeps something, and those that are over."""
    with tenant_scope(request.tenant.tenant_id):
        found = readable_holds(request.actor, request.call)
        in_force = list(found.filter(released_at__isnull=True).order_by("-id")[: ROWS + 1])
        released = list(found.filter(released_at__isnull=False).order_by("-released_at")[:ROWS])
        may_place = may(request, "hold.place").allowed
    context = {
        "rows": [_row(one) for one in in_force[:ROWS]],
        "has_more": len(in_force) > ROWS,
        "released": [_row(one) for one in released],
        "said": _said(in_force),
        "may_place": may_place,
        "crumbs": [Crumb("Holds")],
    }
    return render(request, "retention/holds.html", context)


@page
def hold(request: ConsoleRequest, hold_id: UUID) -> HttpResponse:
    """One hold: what it keeps, why, since when and by whom."""
    with tenant_scope(request.tenant.tenant_id):
        found = readable_hold(request.actor, request.call, hold_id)
        sample = run_flow(covered(found)) if found.released_at is None else None
        context = {
            **_row(found),
            "sample": sample,
            "may_release": may(request, "hold.release", "hold").allowed,
            "may_list": may(request, "state.read_meta").allowed,
            "crumbs": [Crumb("Holds", address(request, "holds")), Crumb(found.matter)],
        }
    return render(request, "retention/hold.html", context)


@page
def place(request: ConsoleRequest) -> HttpResponse:
    """Place a hold: what it means, before the button."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        agents = list(Agent.objects.filter(tenant_id=tenant_id).order_by("name")[:PEOPLE])
        members = list(
            Member.objects.filter(tenant_id=tenant_id)
            .select_related("person")
            .order_by("person__name")[:PEOPLE]
        )
    initial = {name: request.GET.get(name, "")[:640] for name in ("namespace", "key_pattern")}
    form = HoldForm(request.POST or None, initial=initial, agents=agents, members=members)
    if request.method == "POST" and form.is_valid():
        try:
            placed = services.place_hold(
                request.actor,
                request.call,
                matter=form.cleaned_data["matter"],
                reason=form.cleaned_data["reason"],
                **form.scope(),
            )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, f"{placed.matter} holds: {kept_by(placed)}.")
            return redirect(address(request, "hold", placed.id))
    crumbs = [Crumb("Holds", address(request, "holds")), Crumb("Place a hold")]
    context = {"form": form, "crumbs": crumbs}
    status = 422 if form.is_bound else 200
    return render(request, "retention/hold_form.html", context, status=status)


@page
def release(request: ConsoleRequest, hold_id: UUID) -> HttpResponse:
    """Release a hold, after its matter was typed and a reason given."""
    with tenant_scope(request.tenant.tenant_id):
        found = readable_hold(request.actor, request.call, hold_id)
    fault = ""
    if request.method == "POST":
        if request.POST.get("typed", "").strip() != found.matter:
            fault = "What you typed is not the matter. The hold stands."
        else:
            try:
                services.release_hold(
                    request.actor, request.call, hold_id, reason=request.POST.get("reason", "")
                )
            except ApprovalNeeded as waits:
                return _ask(request, found, waits)
            except UNFIT as error:
                fault = error.detail
            else:
                messages.success(request, f"{found.matter} is released.")
                return redirect(address(request, "hold", hold_id))
    context = {**_row(found), "fault": fault}
    return render(request, "retention/release.html", context, status=422 if fault else 200)


def _ask(request: ConsoleRequest, found: Hold, waits: ApprovalNeeded) -> HttpResponse:
    """Where others have to agree first, asking them is what the button does."""
    asked = waits.members.get("approval")
    try:
        if asked is None:
            reason = request.POST.get("reason", "")
            made = services.ask_to_release(request.actor, request.call, found.id, reason=reason)
            asked = made.id
    except UNFIT as error:
        context = {**_row(found), "fault": error.detail}
        return render(request, "retention/release.html", context, status=422)
    messages.info(request, f"{waits.detail} The hold stands until then.")
    return redirect(address(request, "approval", asked))


def _row(found: Hold) -> dict[str, Any]:
    return {"hold": found, "keeps": kept_by(found)}


def _said(found: list[Hold]) -> str:
    if not found:
        return "No hold is in force: rules, times to live and people delete as they may."
    matters = len({one.matter for one in found})
    holds = "1 hold" if len(found) == 1 else f"{len(found)} holds"
    of = "" if matters == len(found) else f" of {matters} matters"
    oldest = min(found, key=lambda one: one.placed_at)
    return f"{holds}{of} in force; the oldest, {oldest.matter}, since {oldest.placed_at:%d %b %Y}."
