"""Opening a quarantine, keeping, rolling back, ending: each says what it will do, and how much."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.people.agents import about as about_agent
from dashboards.quarantine.reviews import Row, about, find_item
from dashboards.requests import ConsoleRequest, address, page, record
from governance.quarantine.services.reviews import close_quarantine, managed, open_quarantine
from governance.quarantine.services.verdicts import Asked, Done, keep_writes, roll_back_writes
from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, Malformed, StatewardError, Unprocessable
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Malformed, Unprocessable)
WINDOWS = (
    (1, "the last hour"),
    (24, "the last 24 hours"),
    (7 * 24, "the last 7 days"),
    (30 * 24, "the last 30 days"),
)
HOURS = frozenset(hours for hours, _ in WINDOWS)


@page
def open_new(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """Pause an agent, and put what it wrote on a list."""
    context = about_agent(request, agent_id) | {"windows": WINDOWS}
    alert = _uuid(request.POST.get("alert") or request.GET.get("alert") or "")
    context["alert_id"] = alert or ""
    if request.method == "POST":
        hours = request.POST.get("hours", "")
        try:
            with tenant_scope(request.tenant.tenant_id):
                made = open_quarantine(
                    actor=request.actor,
                    call=request.call,
                    agent_id=agent_id,
                    since=now() - timedelta(hours=_hours(hours)),
                    reason=request.POST.get("reason", "").replace("\x00", "").strip()[:2_000],
                    alert_id=alert,
                )
        except UNFIT as error:
            context["fault"] = error
        else:
            messages.success(request, f"{made.agent_name} is paused. This is what it wrote.")
            return redirect(address(request, "quarantine", made.id))
    status = 422 if context.get("fault") else 200
    return render(request, "quarantine/new.html", context, status=status)


@page
def keep(request: ConsoleRequest, quarantine_id: UUID) -> HttpResponse:
    """Keep the selected writes, or one."""
    return _decide(request, quarantine_id, "quarantine/keep.html", "keep")


@page
def roll_back(request: ConsoleRequest, quarantine_id: UUID) -> HttpResponse:
    """Bring back what was before: of the selected, of one, or of all that nobody else changed."""
    return _decide(request, quarantine_id, "quarantine/roll_back.html", "roll_back")


@page
def end(request: ConsoleRequest, quarantine_id: UUID) -> HttpResponse:
    """End the review; the agent is let in again, or stays paused."""
    context = about(request, quarantine_id)
    if request.method == "POST":
        resume = request.POST.get("resume") == "yes"
        try:
            with tenant_scope(request.tenant.tenant_id):
                ended = close_quarantine(
                    actor=request.actor,
                    call=request.call,
                    quarantine_id=quarantine_id,
                    note=request.POST.get("note", "").replace("\x00", "").strip()[:2_000],
                    rest_is_kept=request.POST.get("keep_rest") == "yes",
                    resume=resume,
                )
        except UNFIT as error:
            context["fault"] = error
        else:
            said = "is let in again" if resume else "stays paused"
            messages.success(request, f"The review is over; {ended.agent_name} {said}.")
            return redirect(address(request, "quarantine", quarantine_id))
    status = 422 if context.get("fault") else 200
    return render(request, "quarantine/end.html", context, status=status)


def _decide(
    request: ConsoleRequest, quarantine_id: UUID, template: str, verdict: str
) -> HttpResponse:
    """GET says what would become of how many; POST with ``sure`` does it."""
    given = request.POST if request.method == "POST" else request.GET
    ids = [one for one in map(_uuid, given.getlist("write")) if one is not None]
    context = about(request, quarantine_id) | {"ids": ids}
    if len(ids) == 1:
        with tenant_scope(request.tenant.tenant_id):
            context["one"] = Row(find_item(request, context["quarantine"], ids[0]))
    named = _number(given.get("if_version", "")) if len(ids) == 1 else None
    context["if_version"] = named
    sure = request.method == "POST" and given.get("sure") == "yes"
    try:
        with tenant_scope(request.tenant.tenant_id):
            done = _act(request, quarantine_id, verdict, ids, named, sure=sure)
    except UNFIT as error:
        return _at_fault(request, template, context, error)
    if not sure:
        context["preview"] = done
        return render(request, template, context)
    messages.success(request, _told(verdict, done))
    for one in done.refused[:5]:
        messages.error(request, f"{one.item.key} was left as it is: {one.detail}")
    return redirect(address(request, "quarantine", quarantine_id))


def _act(
    request: ConsoleRequest,
    quarantine_id: UUID,
    verdict: str,
    ids: list[UUID],
    named: int | None,
    *,
    sure: bool,
) -> Done:
    actor, call = request.actor, request.call
    found, decision = managed(actor, call, quarantine_id)
    if verdict == "roll_back":
        asked = [Asked(one, named) for one in ids] or None
        return roll_back_writes(actor, call, found, decision, asked, dry_run=not sure)
    if not sure:
        return Done()
    return keep_writes(actor, call, found, decision, ids or None)


def _at_fault(
    request: ConsoleRequest, template: str, context: dict[str, Any], error: StatewardError
) -> HttpResponse:
    record(request, error)
    return render(request, template, context | {"fault": error}, status=422)


def _told(verdict: str, done: Done) -> str:
    count = len(done.items)
    entries = "1 entry" if count == 1 else f"{count:,} entries"
    more = " Ask again for the rest." if done.more else ""
    if verdict == "keep":
        return f"{entries} kept as the agent wrote them.{more}"
    return f"{entries} rolled back to what was before.{more}"


def _hours(text: str) -> int:
    hours = _number(text)
    return hours if hours in HOURS else 24


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
