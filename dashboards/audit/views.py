"""Saved views above the table, and the table as a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboards.audit.filters import KEPT, Asked, asked
from dashboards.requests import ConsoleRequest, address, page
from governance.evidence.acts import permit_export
from governance.evidence.files import KINDS, table_response
from governance.evidence.views import remove_view, save_view, views_for
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)


def shown_views(request: ConsoleRequest, wanted: Asked) -> list[dict[str, Any]]:
    """Those the reader has, each with its address; within the tenant's scope."""
    return [
        {
            "view": one,
            "url": f"?{urlencode(one.conditions)}",
            "is_own": one.owner_id == request.actor.id,
            "is_here": one.conditions == wanted.kept,
        }
        for one in views_for(request.actor)
    ]


@require_POST
@page
def save(request: ConsoleRequest) -> HttpResponse:
    """Keep what the page shows under a name."""
    kept = {name: request.POST[name] for name in KEPT if request.POST.get(name)}
    try:
        view = save_view(
            request.actor,
            request.call,
            name=request.POST.get("name", ""),
            conditions=kept,
            is_shared=request.POST.get("shared") == "on",
        )
    except UNFIT as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"{view.name} is saved.")
    return redirect(f"{address(request, 'audit')}?{urlencode(kept)}")


@require_POST
@page
def remove(request: ConsoleRequest, view_id: UUID) -> HttpResponse:
    remove_view(request.actor, request.call, view_id)
    messages.success(request, "The view is removed. The records stay as they are.")
    return redirect(address(request, "audit"))


@require_POST
@page
def table(request: ConsoleRequest) -> HttpResponseBase:
    """Exactly the filtered records, as CSV or NDJSON. The export itself is on record."""
    form = request.POST.get("form", "")
    with tenant_scope(request.tenant.tenant_id):
        decision = permit_export(request.actor, request.call)
        wanted = asked(request).filter
        return table_response(
            request.actor, request.call, decision, wanted, form if form in KINDS else "csv"
        )
