"""What waits for somebody's agreement, and what was asked before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.approvals.words import act_url, facts, row, subject_url
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.changes import compare_texts
from stateward.gate.approvals import queries, services
from stateward.gate.approvals.kinds import find_kind
from stateward.gate.approvals.models import ApprovalRequest
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.scope import tenant_scope

ROWS = 50
UNFIT = (Conflict, Unprocessable)
DONE = {"approve": "You agreed.", "refuse": "You refused; it is over."}


class VoteForm(forms.Form):
    reason = forms.CharField(
        label="Reason", required=False, max_length=services.MAX_REASON, widget=forms.Textarea
    )


@page
def approvals(request: ConsoleRequest) -> HttpResponse:
    """The inbox: what waits for this person, what they asked for, what is over."""
    actor, call = request.actor, request.call
    with tenant_scope(request.tenant.tenant_id):
        waiting = list(queries.requests_in(actor, "waiting").order_by("expires_at")[: ROWS + 1])
        is_open, _ = queries.readable_requests(actor, call, state="open", after=None, limit=ROWS)
        closed, _ = queries.readable_requests(actor, call, state="closed", after=None, limit=ROWS)
        mine = {one.id for one in waiting}
        context = {
            "waiting": [row(one) for one in waiting[:ROWS]],
            "others": [row(one) for one in is_open if one.id not in mine],
            "closed": [row(one) for one in closed],
            "said": _said(len(waiting), len(is_open)),
            "crumbs": [Crumb("Approvals")],
        }
    return render(request, "approvals/approvals.html", context)


@page
def approval(request: ConsoleRequest, approval_id: UUID) -> HttpResponse:
    """One request: what exactly is asked for, and the vote."""
    form = VoteForm(request.POST or None)
    fault = ""
    if request.method == "POST" and form.is_valid():
        verdict = request.POST.get("verdict", "")
        try:
            services.vote(
                request.actor,
                request.call,
                approval_id,
                verdict=verdict,
                sha256=request.POST.get("sha256", ""),
                reason=form.cleaned_data["reason"],
            )
        except UNFIT as error:
            fault = error.detail
        else:
            messages.success(request, DONE[verdict])
            return redirect(address(request, "approval", approval_id))
    with tenant_scope(request.tenant.tenant_id):
        found = queries.readable_request(request.actor, request.call, approval_id)
        context = _about(request, found) | {"form": form, "fault": fault}
    return render(request, "approvals/approval.html", context, status=422 if fault else 200)


@page
def withdraw(request: ConsoleRequest, approval_id: UUID) -> HttpResponse:
    """Take back what one asked for."""
    with tenant_scope(request.tenant.tenant_id):
        found = queries.readable_request(request.actor, request.call, approval_id)
    fault = ""
    if request.method == "POST":
        try:
            services.withdraw(request.actor, request.call, approval_id)
        except UNFIT as error:
            fault = error.detail
        else:
            messages.success(request, "Withdrawn. Nobody is asked any more.")
            return redirect(address(request, "approval", approval_id))
    context = {"asked": found, "fault": fault}
    return render(request, "approvals/withdraw.html", context, status=422 if fault else 200)


def _about(request: ConsoleRequest, found: ApprovalRequest) -> dict[str, Any]:
    kind = find_kind(found.kind)
    shown = row(found)
    compared = kind.compared(found) if kind.compared is not None else None
    lines = compare_texts(compared.before, compared.after) if compared is not None else []
    is_mine = (found.asked_by_type, found.asked_by_id) == (request.actor.type, request.actor.id)
    is_open = shown["state"] in {"pending", "approved"}
    return shown | {
        "kind": kind,
        "facts": facts(found.content),
        "compared": compared,
        "lines": lines,
        "added": sum(line.sign == "+" for line in lines),
        "removed": sum(line.sign == "-" for line in lines),
        "votes": sorted(found.votes.all(), key=lambda one: one.id),
        "may_vote": queries.may_vote(request.actor, found),
        "may_withdraw": is_mine and is_open,
        "subject_url": subject_url(request, found),
        "act_url": act_url(request, found) if is_mine and shown["state"] == "approved" else "",
        "crumbs": [Crumb("Approvals", address(request, "approvals")), Crumb(found.summary[:60])],
    }


def _said(waiting: int, is_open: int) -> str:
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        return f"{'1 request' if waiting == 1 else f'{waiting} requests'} {verb} for you."
    if is_open:
        return "Nothing waits for you; others have yet to agree to what is open."
    return "Nothing waits. What needs a second person comes here."
