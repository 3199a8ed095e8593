"""The reviews, and one of them: what the agent wrote, against what was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.quarantine.words import CHANGES, STANDINGS, said_of
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.changes import Change, structural
from governance.quarantine.models import Quarantine
from governance.quarantine.queries import find_quarantine, quarantines_of
from governance.quarantine.writes import (
    STANDINGS as KNOWN,
)
from governance.quarantine.writes import (
    Item,
    Place,
    items_of,
    may_know,
    readable_items,
    tally,
)
from stateward.gate.policy.permits import permit
from stateward.gate.policy.requests import Resource
from stateward.kernel.clock import parse_rfc3339, rfc3339
from stateward.kernel.errors import Forbidden, Gone, Malformed, NotFound
from stateward.state.exceptions import NoSuchEntry
from stateward.state.queries import get_entry_at
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
NOTHING: Any = None


@dataclass(frozen=True, slots=True)
class Row:
    """An item with what a page says of it."""

    item: Item

    @property
    def change(self) -> tuple[str, str]:
        return CHANGES[self.item.change]

    @property
    def standing(self) -> tuple[str, str, str]:
        return STANDINGS[self.item.standing]

    @property
    def is_open(self) -> bool:
        return self.item.verdict is None

    @property
    def versions(self) -> str:
        first, last = self.item.first, self.item.last
        return f"version {first}" if first == last else f"versions {first} to {last}"


@page
def quarantines(request: ConsoleRequest) -> HttpResponse:
    """Those that are open, then the newest of those that are over."""
    with tenant_scope(request.tenant.tenant_id):
        rows = quarantines_of(request.actor, request.call)
        standing = list(rows.filter(closed_at__isnull=True).order_by("-id")[:ROWS])
        over = list(rows.filter(closed_at__isnull=False).order_by("-id")[:ROWS])
        open_ones = [(one, run_flow(tally(one))) for one in standing]
    waiting = sum(told.undecided for _, told in open_ones)
    context = {
        "open_ones": open_ones,
        "over": over,
        "said": _said(len(open_ones), waiting),
        "crumbs": [Crumb("Quarantine")],
    }
    return render(request, "quarantine/quarantines.html", context)


@page
def quarantine(request: ConsoleRequest, quarantine_id: UUID) -> HttpResponse:
    """One review: the entries the agent wrote, newest first."""
    return render(request, "quarantine/quarantine.html", about(request, quarantine_id))


def about(request: ConsoleRequest, quarantine_id: UUID) -> dict[str, Any]:
    """What every page of one quarantine shows."""
    standing = request.GET.get("standing", "")
    standing = standing if standing in KNOWN else ""
    cursor = request.GET.get("cursor", "")
    with tenant_scope(request.tenant.tenant_id):
        found = find_quarantine(request.actor, request.call, quarantine_id)
        told = run_flow(tally(found))
        shown = run_flow(
            readable_items(
                request.actor,
                request.call,
                found,
                standing=standing or None,
                after=_place(cursor),
                limit=ROWS,
            )
        )
        may_manage = found.closed_at is None and _may_manage(request, found)
    after = shown.next_after
    return {
        "quarantine": found,
        "tally": told,
        "rows": [Row(one) for one in shown.items],
        "said": said_of(found, told),
        "standings": _choices(request, told.by_standing),
        "standing": standing,
        "may_manage": may_manage,
        "cursor": cursor,
        "next_cursor": encode_cursor([rfc3339(after.at), str(after.id)]) if after else None,
        "crumbs": [
            Crumb("Quarantine", address(request, "quarantines")),
            Crumb(found.agent_name),
        ],
    }


@page
def write(request: ConsoleRequest, quarantine_id: UUID, record_id: UUID) -> HttpResponse:
    """What the agent made of one entry, and what rolling it back would do now."""
    with tenant_scope(request.tenant.tenant_id):
        found = find_quarantine(request.actor, request.call, quarantine_id)
        item = find_item(request, found, record_id)
        may_manage = found.closed_at is None and _may_manage(request, found)
        before, wrote = _values(request, item)
    context = {
        "quarantine": found,
        "row": Row(item),
        "item": item,
        "changes": _changes(before, wrote),
        "is_hidden": before is HIDDEN or wrote is HIDDEN,
        "may_manage": may_manage,
        "crumbs": [
            Crumb("Quarantine", address(request, "quarantines")),
            Crumb(found.agent_name, address(request, "quarantine", found.id)),
            Crumb(item.key),
        ],
    }
    return render(request, "quarantine/write.html", context)


def find_item(request: ConsoleRequest, found: Quarantine, record_id: UUID) -> Item:
    """One item of an entry that the caller may know of; else NotFound."""
    rows = run_flow(items_of(found, ids=[record_id], limit=1))
    if not rows or not run_flow(may_know(request.actor, request.call, rows[0], {})):
        raise NotFound
    return rows[0]


HIDDEN = object()


def _values(request: ConsoleRequest, item: Item) -> tuple[Any, Any]:
    """The value before and the agent's last; HIDDEN where it may not be read or is kept no more."""
    return _value(request, item, item.before), _value(request, item, item.last)


def _value(request: ConsoleRequest, item: Item, version: int | None) -> Any:
    if version is None or item.namespace is None:
        return NOTHING
    flow = get_entry_at(request.actor, request.call, item.namespace, item.key, version=version)
    try:
        return run_flow(flow).value
    except NoSuchEntry:  # it was deleted
        return NOTHING
    except (Forbidden, Gone):
        return HIDDEN


def _changes(before: Any, wrote: Any) -> list[Change]:
    return [] if before is HIDDEN or wrote is HIDDEN else structural(before, wrote)


def _may_manage(request: ConsoleRequest, found: Quarantine) -> bool:
    try:
        about_it = Resource("agent", str(found.agent_id), {"name": found.agent_name})
        permit(request.actor, request.call, "agent.manage", about_it)
    except Forbidden:
        return False
    return True


def _choices(request: ConsoleRequest, counts: Any) -> list[dict[str, str]]:
    here = request.path
    choices = [{"value": "", "label": "All", "url": here}]
    for name in KNOWN:
        if counts.get(name):
            label = f"{STANDINGS[name][1]} {counts[name]:,}"
            choices.append({"value": name, "label": label, "url": f"{here}?standing={name}"})
    return choices


def _place(cursor: str) -> Place | None:
    if not cursor:
        return None
    at, item_id = decode_cursor(cursor, length=2)
    try:
        return Place(parse_rfc3339(str(at)), UUID(str(item_id)))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def _said(agents: int, waiting: int) -> str:
    if not agents:
        return "No agent is in quarantine."
    who = "1 agent is" if agents == 1 else f"{agents} agents are"
    what = "1 entry waits" if waiting == 1 else f"{waiting:,} entries wait"
    return f"{who} in quarantine; {what} for a verdict." if waiting else f"{who} in quarantine."
