"""The live feed: the newest changes, and what comes after them as it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from django.http import HttpResponse
from django.shortcuts import render

from dashboards.requests import ConsoleRequest, Crumb, address, page
from stateward.feed.log import read_log
from stateward.feed.places import parse_cursor
from stateward.kernel.flow import Flow
from stateward.state.changes.recent import Recent, recent_changes
from stateward.state.changes.sights import Seen, Sight, flags, load_rules
from stateward.state.changes.windows import Change
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import judge_for
from stateward.state.models import Namespace
from stateward.state.queries import after_prefix
from stateward.tenancy.scope import run_flow, tenant_scope

ROWS = 50
NAMES = 200  # offered in the filter; any other can be written
AT_ONCE = 100
AGAIN_MILLISECONDS = 3_000
LONGEST_FILTER = 640
TONES = {"delete": "bad", "purge": "bad", "expire": "warn", "rollback": "warn"}


@dataclass(frozen=True, slots=True)
class Row:
    """One change as the page shows it."""

    seen: Seen
    tone: str

    @property
    def before(self) -> int:
        return self.seen.change.row.version - 1


@page
def changes(request: ConsoleRequest) -> HttpResponse:
    """The page ``changes/``; ``namespace`` and ``prefix`` narrow it."""
    namespace, prefix = _filter(request, "namespace"), _filter(request, "prefix")
    with tenant_scope(request.tenant.tenant_id):
        recent: Recent = run_flow(
            recent_changes(
                request.actor, request.call, namespace=namespace, prefix=prefix, limit=ROWS
            )
        )
        names = list(
            Namespace.objects.filter(deleted_at=None)
            .order_by("name")
            .values_list("name", flat=True)[:NAMES]
        )
    context: dict[str, Any] = {
        "rows": [_row(seen) for seen in recent.changes],
        "cursor": recent.place.cursor,
        "namespace": namespace,
        "prefix": prefix,
        "names": names,
        "tones": TONES,
        "crumbs": [Crumb("Changes", address(request, "changes")), Crumb(namespace)]
        if namespace
        else [Crumb("Changes")],
    }
    return render(request, "feed/changes.html", context)


@page
def elsewhere(request: ConsoleRequest) -> HttpResponse:
    """The stream's address where nothing asynchronous stands before the console: what is there, and
    the time to come again. The data plane answers it itself (``state/dataplane/changes.py``).
    """
    namespace, prefix = _filter(request, "namespace"), _filter(request, "prefix")
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    with tenant_scope(request.tenant.tenant_id):
        body = run_flow(_once(request, namespace, prefix, after))
    answer = HttpResponse(body, content_type="text/event-stream; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return answer


def _once(request: ConsoleRequest, namespace: str, prefix: str, after: str) -> Flow[bytes]:
    actor = request.actor
    configuration = yield from load_configuration_for(actor)
    judge = yield from judge_for(configuration, actor, request.call)
    namespace_id = None
    if namespace:
        rules = yield from namespace_rules(configuration, namespace)
        yield from judge.require("namespace.read", rules, rules.resource())
        namespace_id = rules.id
    look = yield from read_log(
        actor.tenant_id,
        parse_cursor(after) if after else None,
        limit=AT_ONCE,
        namespace_id=namespace_id,
        prefix=prefix,
        until=after_prefix(prefix),
    )
    found = [Change(row) for row in look.rows]
    yield from load_rules(configuration, found)
    seen = Sight(judge, "none").look(found)
    cursor = orjson.dumps({"cursor": look.end.cursor})
    parts = [b"retry: %d\n\n" % AGAIN_MILLISECONDS]
    for one, has_more in zip(seen, flags(seen), strict=True):
        parts.append(one.change.event(has_more=has_more, values="none", opened=None))
    beat = b"event: heartbeat\nid: %s\ndata: %s\n\n"
    return b"".join([*parts, beat % (look.end.cursor.encode(), cursor)])


def _row(seen: Seen) -> Row:
    return Row(seen, TONES.get(seen.change.row.operation, ""))


def _filter(request: ConsoleRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST_FILTER]
