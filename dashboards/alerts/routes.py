"""Whom alerts are sent to, and what became of what was sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.alerts.route_form import RouteForm
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.delivery.models import Delivery, Route
from governance.delivery.queries import deliveries_of, routes_of
from governance.delivery.sending import send
from governance.delivery.services import routes as services
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import Conflict, NotFound, Unprocessable
from stateward.tenancy.scope import tenant_scope

ROWS = 50
UNFIT = (Conflict, Unprocessable)


@page
def routes(request: ConsoleRequest) -> HttpResponse:
    """Every route with how it went last, and the newest of what was sent."""
    state = request.GET.get("state", "")
    state = state if state in Delivery.State.values else ""
    with tenant_scope(request.tenant.tenant_id):
        found = list(routes_of(request.actor, request.call).order_by("after_minutes", "name"))
        rows = deliveries_of(request.actor, request.call).order_by("-id")
        sent = list((rows.filter(state=state) if state else rows)[:ROWS])
        may_manage = may(request, "alert.manage").allowed
    choices = {"": "All", "waiting": "Waiting", "sent": "Sent", "given_up": "Given up"}
    context = {
        "routes": [(one, when_said(one), what_said(one)) for one in found],
        "deliveries": sent,
        "said": _said(found),
        "may_manage": may_manage,
        "state": state,
        "states": [
            {"value": value, "label": label, "url": f"?state={value}" if value else "?"}
            for value, label in choices.items()
        ],
        "crumbs": _crumbs(request, "Routes"),
    }
    return render(request, "alerts/routes.html", context)


@page
def create(request: ConsoleRequest) -> HttpResponse:
    """A new route; a webhook's secret is shown on the page that answers, once."""
    with tenant_scope(request.tenant.tenant_id):
        permit(request.actor, request.call, "alert.manage", whole_tenant(request.actor))
    initial = {"kind": "email", "severity": "high", "after_minutes": 0, "digest_minutes": 0}
    form = RouteForm(request.POST or None, initial=initial | {"enabled": True})
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                made, secret = services.create_route(
                    actor=request.actor, call=request.call, fields=form.members(is_new=True)
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            if not secret:
                messages.success(request, f"{made.name} is told from the next alert on.")
                return redirect(address(request, "alert_routes"))
            context = {"route": made, "secret": secret, "crumbs": _crumbs(request, made.name)}
            return render(request, "alerts/route_secret.html", context)
    status = 422 if form.is_bound else 200
    context = {"form": form, "is_new": True, "crumbs": _crumbs(request, "New route")}
    return render(request, "alerts/route_form.html", context, status=status)


@page
def edit(request: ConsoleRequest, route_id: UUID) -> HttpResponse:
    """Change a route. Its kind stays, and so does its secret."""
    found = _find(request, route_id)
    form = RouteForm(request.POST or None, initial=RouteForm.initial_of(found), kind=found.kind)
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.change_route(
                    actor=request.actor,
                    call=request.call,
                    route_id=route_id,
                    fields=form.members(is_new=False),
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, "Saved. It holds for what is sent from now on.")
            return redirect(address(request, "alert_routes"))
    status = 422 if form.is_bound else 200
    context = {"form": form, "route": found, "crumbs": _crumbs(request, found.name)}
    return render(request, "alerts/route_form.html", context, status=status)


@page
def delete(request: ConsoleRequest, route_id: UUID) -> HttpResponse:
    """Take a route away, after it was said what goes with it."""
    found = _find(request, route_id)
    if request.method == "POST":
        with tenant_scope(request.tenant.tenant_id):
            services.delete_route(actor=request.actor, call=request.call, route_id=route_id)
        messages.success(request, f"{found.name} is told nothing any more.")
        return redirect(address(request, "alert_routes"))
    with tenant_scope(request.tenant.tenant_id):
        waiting = found.deliveries.filter(state=Delivery.State.WAITING).count()
    context = {"route": found, "waiting": waiting, "crumbs": _crumbs(request, found.name)}
    return render(request, "alerts/route_delete.html", context)


@require_POST
@page
def test(request: ConsoleRequest, route_id: UUID) -> HttpResponse:
    """Send a test now, and say what came of it."""
    with tenant_scope(request.tenant.tenant_id):
        made = services.make_test(actor=request.actor, call=request.call, route_id=route_id)
    said = send(made)
    tell = messages.success if said.is_taken else messages.error
    tell(request, f"The test of {made.route.name}: {said.said}")
    return redirect(address(request, "alert_routes"))


@require_POST
@page
def retry(request: ConsoleRequest, delivery_id: UUID) -> HttpResponse:
    """Let what was given up be tried again."""
    try:
        with tenant_scope(request.tenant.tenant_id):
            services.send_again(actor=request.actor, call=request.call, delivery_id=delivery_id)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "It is tried again within a minute.")
    return redirect(address(request, "alert_routes"))


def what_said(route: Route) -> str:
    """Of what it is told, in words."""
    said = "any severity" if route.severity == "low" else f"{route.severity} and worse"
    if route.rules:
        said += f", {len(route.rules)} rule{'s' * (len(route.rules) > 1)}"
    if route.namespaces:
        said += f", in {', '.join(route.namespaces[:3])}"
        said += " and others" if len(route.namespaces) > 3 else ""
    return said


def when_said(route: Route) -> str:
    """When it is told, in words."""
    said = f"after {route.after_minutes} min unacknowledged" if route.after_minutes else "at once"
    if route.digest_minutes:
        said += f", gathered for {route.digest_minutes} min"
    if route.quiet_from is not None and route.quiet_to is not None:
        said += f"; quiet {_clock(route.quiet_from)} to {_clock(route.quiet_to)}"
    return said


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _find(request: ConsoleRequest, route_id: UUID) -> Route:
    with tenant_scope(request.tenant.tenant_id):
        permit(request.actor, request.call, "alert.manage", whole_tenant(request.actor))
        found = routes_of(request.actor, request.call).filter(id=route_id).first()
    if found is None:
        raise NotFound
    return found


def _crumbs(request: ConsoleRequest, here: str) -> list[Crumb]:
    crumbs = [Crumb("Alerts", address(request, "alerts"))]
    if here != "Routes":
        crumbs.append(Crumb("Routes", address(request, "alert_routes")))
    return [*crumbs, Crumb(here)]


def _said(found: list[Route]) -> str:
    working = [one for one in found if one.enabled]
    if not working:
        return "Nobody is told: alerts wait here until somebody looks."
    failing: Any = sum(one.failing_since is not None for one in working)
    said = "1 route tells" if len(working) == 1 else f"{len(working)} routes tell"
    said += " of alerts"
    if not failing:
        return f"{said}."
    return f"{said}; {failing} {'does' if failing == 1 else 'do'} not get through."
