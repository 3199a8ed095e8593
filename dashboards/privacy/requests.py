"""Subject requests: who waits for an answer, one request with what there is of the person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Case, When
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.permissions import may
from dashboards.privacy.forms import RequestForm
from dashboards.privacy.words import (
    KINDS,
    due_of,
    event_of,
    place_of,
    requests_said,
    said_of,
    state_of,
)
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.privacy import queries
from governance.privacy.finding import Found, find
from governance.privacy.models import OPEN, SubjectRequest
from governance.privacy.services import requests as services
from governance.privacy.services.erasing import ERASE
from governance.retention.queries import database_time
from stateward.gate.approvals.services import needed
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel import clock
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.kernel.governed import SUBJECT_STORES
from stateward.tenancy.scope import run_flow, tenant_scope

UNFIT = (Conflict, Unprocessable)
ROWS = 100
RIGHTS = ("manage", "erase", "disclose")


@page
def subjects(request: ConsoleRequest) -> HttpResponse:
    """Every request, those still to be answered first."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        now = clock.now()
        # Open ones first, the next due before others; then those answered last.
        rows = queries.requests_of(tenant_id).annotate(
            is_open=Case(When(state__in=OPEN, then=True), default=False),
            rank=Case(When(state__in=OPEN, then="due_at"), default=None),
        )
        listed = list(rows.order_by("-is_open", "rank", "-answered_at", "-id")[: 2 * ROWS])
        standing = [one for one in listed if one.state in OPEN][: ROWS + 1]
        over = [one for one in listed if one.state not in OPEN][:ROWS]
        context = {
            "rows": [_row(one, now) for one in standing[:ROWS]],
            "has_more": len(standing) > ROWS,
            "over": [_row(one, now) for one in over],
            "said": requests_said(standing),
            "index": queries.index_state(tenant_id),
            "declared": [
                {"one": one, "place": place_of(one)}
                for one in queries.declarations_of(tenant_id).order_by("namespace", "kind")
            ],
            "may_manage": may(request, "subject.manage").allowed,
            "crumbs": [Crumb("Subject requests")],
        }
    return render(request, "privacy/requests.html", context)


@page
def receive(request: ConsoleRequest) -> HttpResponse:
    """Take a request in."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        declared = (
            queries.declarations_of(tenant_id).order_by("kind").values_list("kind", flat=True)
        )
        kinds = list(dict.fromkeys(declared))
    form = RequestForm(request.POST or None, initial={"kind": "access"})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = services.receive_request(
                request.actor,
                request.call,
                kind=data["kind"],
                reference=data["reference"],
                identifiers=form.named(),
                note_text=data["note"],
                purpose=data["purpose"],
            )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, f"{made.reference} is received.")
            return redirect(address(request, "subject", made.id))
    context = {"form": form, "kinds": kinds, "crumbs": _crumbs(request, Crumb("New request"))}
    status = 422 if form.is_bound else 200
    return render(request, "privacy/request_form.html", context, status=status)


@page
def subject(request: ConsoleRequest, request_id: UUID) -> HttpResponse:
    """One request: how it stands, what there is of the person, and what was done."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        found = services.find_request(tenant_id, request_id)
        now = database_time()
        seen = run_flow(find(found, now)) if found.state in OPEN else None
        rights = {f"may_{name}": may(request, f"subject.{name}").allowed for name in RIGHTS}
        context = {
            **_row(found, now),
            **rights,
            "may_list": may(request, "state.read_meta").allowed,
            "said": said_of(found, seen),
            "seen": seen,
            "stores": _stores(seen) if seen is not None else [],
            "more": max(seen.entries - len(seen.samples), 0) if seen is not None else 0,
            "others": needed(tenant_id, ERASE) if found.kind == "erasure" else 0,
            "is_open": found.state in OPEN,
            "history": [
                (event_of(one.event), one) for one in queries.history_of(found).order_by("-id")
            ],
            "crumbs": _crumbs(request, Crumb(found.reference)),
        }
    return render(request, "privacy/request.html", context)


def _stores(seen: Found) -> list[tuple[str, int | None, str]]:
    """Those where something is first; a store that counts nothing by entry has no number."""
    found = [
        (store.label, seen.by_store.get(store.name), store.fate)
        for store in SUBJECT_STORES.values()
    ]
    return sorted(found, key=lambda row: -1 if row[1] is None else row[1], reverse=True)


def _row(found: SubjectRequest, now: Any) -> dict[str, Any]:
    who = [f"{one.kind} {one.hint}" for one in found.identifiers.all()]
    return {
        "one": found,
        "kind": KINDS[found.kind],
        "state": state_of(found),
        "due": due_of(found, now),
        "who": who,
        "assignee": str(found.assignee.person) if found.assignee else "",
    }


def _crumbs(request: ConsoleRequest, *rest: Crumb) -> list[Crumb]:
    return [Crumb("Subject requests", address(request, "subjects")), *rest]
