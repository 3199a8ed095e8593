"""The streams' addresses where nothing asynchronous stands before the console: one message and the
time to come again, so that following becomes asking every few seconds and holds no thread.

The data plane answers these addresses itself (``stateward/operations/jobs/stream.py``).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse

from dashboards.requests import ConsoleRequest, page
from governance.jobs import services
from stateward.operations.jobs.following import message_of
from stateward.operations.jobs.queries import lines_of, open_runs
from stateward.tenancy.scope import run_flow, tenant_scope

AGAIN_MILLISECONDS = 3_000
SHOWN = 50


@page
def runs(request: ConsoleRequest) -> HttpResponse:
    """The tenant's runs that are not over."""
    with tenant_scope(request.tenant.tenant_id):
        sight = services.sight_of(request.actor, request.call)
        found = sight.readable(run_flow(open_runs(request.tenant.tenant_id, limit=SHOWN)))
    return _once({"runs": [message_of(run) for run in found]})


@page
def run(request: ConsoleRequest, run_id: UUID) -> HttpResponse:
    """One run, with what is new in its log."""
    last = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_run(request.actor, request.call, run_id)
        lines = run_flow(lines_of(found, after=after)) if found.tenant_id else []
    number = lines[-1].number if lines else after
    return _once(message_of(found, lines), number)


def _once(message: dict[str, Any], number: int | None = None) -> HttpResponse:
    head = f"retry: {AGAIN_MILLISECONDS}\n" + ("" if number is None else f"id: {number}\n")
    body = f"{head}data: {orjson.dumps(message).decode()}\n\n"
    answer = HttpResponse(body, content_type="text/event-stream; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return answer
