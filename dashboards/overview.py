"""The first page: how things stand, in a sentence, then in numbers."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dashboards.requests import ConsoleRequest, page


@login_required
def front_door(request: HttpRequest) -> HttpResponse:
    """``/``: on to the tenant this session last worked in."""
    membership = getattr(request, "tenant", None)
    if not membership:
        return render(request, "no_tenant.html", status=200)
    return redirect("console:overview", membership.tenant_slug)


@page
def overview(request: ConsoleRequest) -> HttpResponse:
    return render(request, "overview/overview.html", {})
