"""Sinks: where the log is copied to, how far each copy has come, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.sinks.forms import FORMS, SinkForm
from dashboards.sinks.words import CONDITIONS, FORMATS, HINTS, KINDS, place_of, said_of
from dashboards.state.forms import show_faults
from governance.evidence.acts import permit_reading
from governance.sinks import services
from governance.sinks.models import Sink
from governance.sinks.queries import Standing, find_sink, standing_of, standings
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)
Act = Callable[[Actor, Call, UUID], object]


@page
def sinks(request: ConsoleRequest) -> HttpResponse:
    """All of them, with what lags."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        found = standings(request.tenant.tenant_id)
        may_manage = may(request, "audit.manage", "audit_log").allowed
    context = {
        "rows": [_row(one) for one in found],
        "said": said_of(found),
        "may_manage": may_manage,
        "crumbs": [Crumb("Sinks")],
    }
    return render(request, "sinks/sinks.html", context)


@page
def sink(request: ConsoleRequest, sink_id: UUID) -> HttpResponse:
    """One sink: where it stands, what it said last, what to do."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        standing = standing_of(find_sink(request.tenant.tenant_id, sink_id))
        may_manage = may(request, "audit.manage", "audit_log").allowed
    crumbs = [Crumb("Sinks", address(request, "sinks")), Crumb(standing.sink.name)]
    context = {
        **_row(standing),
        "format": FORMATS[standing.sink.format],
        "may_manage": may_manage,
        "crumbs": crumbs,
    }
    return render(request, "sinks/sink.html", context)


@page
def add(request: ConsoleRequest) -> HttpResponse:
    """A new sink, of the kind that the address names."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
    kind = request.GET.get("kind", "webhook")
    form = FORMS.get(kind, FORMS["webhook"])(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = _create(request, kind, form)
        except UNFIT as error:
            show_faults(form, _flat(error))
        else:
            if secret:
                return _show_once(request, made, secret)
            messages.success(request, f"{made.name} is set up; the first records are on the way.")
            return redirect(address(request, "sink", made.id))
    choices = [
        {"value": name, "label": title, "url": f"?kind={name}"} for name, title in KINDS.items()
    ]
    context = {
        "form": form,
        "kind": kind,
        "hint": HINTS.get(kind, ""),
        "choices": choices,
        "fields": [form[name] for name in form.fields],
        "crumbs": [Crumb("Sinks", address(request, "sinks")), Crumb("Add a sink")],
    }
    return render(request, "sinks/new.html", context, status=422 if form.is_bound else 200)


@require_POST
@page
def pause(request: ConsoleRequest, sink_id: UUID) -> HttpResponse:
    return _act(request, sink_id, services.pause_sink, "Paused: its place is kept.")


@require_POST
@page
def resume(request: ConsoleRequest, sink_id: UUID) -> HttpResponse:
    return _act(request, sink_id, services.resume_sink, "Resumed: it goes on where it stopped.")


@require_POST
@page
def trial(request: ConsoleRequest, sink_id: UUID) -> HttpResponse:
    """Have the worker send a line; how it went appears on the page."""
    said = "A test line is on its way; how it went appears here in a moment."
    return _act(request, sink_id, services.try_sink, said)


@require_POST
@page
def move(request: ConsoleRequest, sink_id: UUID) -> HttpResponse:
    """Deliver again from a place of the log on."""
    text = request.POST.get("place", "").strip()
    place = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    try:
        services.move_sink(request.actor, request.call, sink_id, place)
    except UNFIT as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"It delivers from place {place:,} on.")
    return redirect(address(request, "sink", sink_id))


@page
def remove(request: ConsoleRequest, sink_id: UUID) -> HttpResponse:
    """Remove a sink, after saying what that means."""
    if request.method == "POST":
        services.remove_sink(request.actor, request.call, sink_id)
        messages.success(request, "Removed. What was delivered stays where it is.")
        return redirect(address(request, "sinks"))
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        standing = standing_of(find_sink(request.tenant.tenant_id, sink_id))
    return render(request, "sinks/remove.html", _row(standing))


def _create(request: ConsoleRequest, kind: str, form: SinkForm) -> tuple[Sink, str]:
    data = form.cleaned_data
    return services.create_sink(
        request.actor,
        request.call,
        name=data["name"],
        kind=kind,
        settings=form.settings(),
        format=data["format"],
        secret=data.get("secret", ""),
        with_payload=data["with_payload"],
        since=data["since"],
    )


def _flat(error: Conflict | Unprocessable) -> Conflict | Unprocessable:
    """The form's fields stand side by side; the API's settings in an object of their own."""
    error.errors = tuple(type(one)(_field(one.pointer), one.message) for one in error.errors)
    return error


def _field(pointer: str) -> str:
    name = pointer.removeprefix("/settings")
    return "/folder" if name == "/prefix" else name


def _show_once(request: ConsoleRequest, made: Sink, secret: str) -> HttpResponse:
    context = {
        "sink": made,
        "secret": secret,
        "crumbs": [Crumb("Sinks", address(request, "sinks")), Crumb(made.name)],
    }
    return render(request, "sinks/secret.html", context)


def _act(request: ConsoleRequest, sink_id: UUID, act: Act, said: str) -> HttpResponse:
    act(request.actor, request.call, sink_id)
    messages.success(request, said)
    return redirect(address(request, "sink", sink_id))


def _row(standing: Standing) -> dict[str, Any]:
    tone, title = CONDITIONS[standing.condition]
    return {
        "standing": standing,
        "sink": standing.sink,
        "kind": KINDS[standing.sink.kind],
        "place": place_of(standing.sink),
        "tone": tone,
        "condition": title,
    }
