"""Jobs: what runs now, what is on the timetable, what became of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from dashboards import figures
from dashboards.jobs.timetable import Row, timetable
from dashboards.jobs.words import STATES, RunView, names_of, view_of
from dashboards.requests import ConsoleRequest, Crumb, page
from governance.jobs.api import cursor_of
from governance.jobs.services import list_runs, sight_of
from stateward.operations.jobs.queries import (
    Standing,
    open_runs,
    standing,
)
from stateward.operations.jobs.registry import jobs
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.cursors import encode_cursor

ROWS = 50
SHOWN = 10  # of those that run now


@page
def overview(request: ConsoleRequest) -> HttpResponse:
    """The page ``jobs/``."""
    tenant_id = request.tenant.tenant_id
    name = request.GET.get("job", "").replace("\x00", "")[:100]
    state = request.GET.get("state", "") if request.GET.get("state") in STATES else ""
    cursor = request.GET.get("cursor", "")
    with tenant_scope(tenant_id):
        sight = sight_of(request.actor, request.call)
        found, following = list_runs(
            sight,
            name=name or None,
            state=state or None,
            before=cursor_of(cursor or None),
            limit=ROWS,
        )
        running = sight.readable(run_flow(open_runs(tenant_id, limit=SHOWN)))
        queue = run_flow(standing())
        rows = run_flow(timetable(tenant_id, queue.now))
        names = names_of(tenant_id, [*found, *running])
        managed = {run.id for run in running if sight.may_manage(run)}
    now = [view_of(run, names) for run in running]
    context = {
        "running": now,
        "managed": managed,
        "queue": queue,
        "workers": [one for one in queue.processes if one.kind == "worker"],
        "beats": [one for one in queue.processes if one.kind == "beat"],
        "timetable": rows,
        "runs": [view_of(run, names) for run in found],
        "said": _said(now, queue, rows),
        **_filters(request, name, state),
        "next_cursor": encode_cursor([str(following)]) if following else None,
        "cursor": cursor,
        "crumbs": [Crumb("Jobs")],
    }
    return render(request, "jobs/jobs.html", context)


def _filters(request: ConsoleRequest, name: str, state: str) -> dict[str, Any]:
    """What the history can be narrowed to."""
    choices = [("", "All"), *((value, word) for value, (_, word, _) in STATES.items())]
    return {
        "jobs": sorted((one.title, one.name) for one in jobs().values()),
        "job": name,
        "states": [
            {"value": value, "label": label, "url": _state_url(request, value)}
            for value, label in choices
        ],
        "state": state,
    }


def _state_url(request: ConsoleRequest, value: str) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    query["state"] = value
    if not value:
        del query["state"]
    return f"?{query.urlencode()}#history"


def _said(
    running: Sequence[RunView],
    queue: Standing,
    rows: Sequence[Row],
) -> str:
    """How things stand, the worst first."""
    if not queue.lives("worker"):
        return "No worker has said that it is alive for 20 s, so nothing is carried out just now."
    if not queue.lives("beat"):
        return "No beat has said that it is alive for 20 s, so nothing of the timetable begins."
    at_work = [view for view in running if view.run.state == "running"]
    parts = [_at_work(at_work)]
    if waiting := len(running) - len(at_work):
        oldest = f", the oldest for {figures.span(queue.oldest)}" if queue.oldest else ""
        parts.append(f"{waiting} wait{'s' if waiting == 1 else ''} for a worker{oldest}")
    late = [row for row in rows if row.late]
    if late:
        parts.append(
            f"{late[0].title} is {figures.span(late[0].late or queue.now - queue.now)} late"
        )
    else:
        parts.append(f"all {len(rows)} slots of the timetable are on time")
    return "; ".join(parts) + "."


def _at_work(at_work: Sequence[RunView]) -> str:
    if not at_work:
        return "Nothing of yours runs now"
    first = at_work[0]
    share = f", {first.percent} % done" if first.percent is not None else ""
    if len(at_work) == 1:
        return f"{first.title} runs{share}"
    return f"{len(at_work)} jobs of yours run, {first.title} for the longest"
