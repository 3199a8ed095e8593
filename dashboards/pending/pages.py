"""One write that waits, or waited: the difference it makes, for whoever is to agree to it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.changes import Change, structural
from stateward.gate.approvals import queries as approvals
from stateward.gate.approvals.exceptions import NoSuchRequest
from stateward.kernel.errors import Forbidden
from stateward.state.pending.reading import Effect, effects_of, find_pending, radius_of
from stateward.state.pending.records import Pending, Waiting
from stateward.tenancy.scope import run_flow, tenant_scope

STATES = {
    "pending": ("warn", "Waits", "clock"),
    "released": ("ok", "Written", "check"),
    "refused": ("bad", "Refused", "close"),
    "withdrawn": ("", "Withdrawn", ""),
    "expired": ("", "Expired", ""),
}
VERBS = {
    "put": "Write",
    "patch": "Change",
    "action": "Change",
    "rollback": "Roll back",
    "delete": "Delete",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One operation with what it would change; ``changes`` is None where that is not shown."""

    waiting: Waiting
    changes: list[Change] | None
    refused: str

    @property
    def verb(self) -> str:
        return VERBS[self.waiting.operation]

    @property
    def now(self) -> int | None:
        return self.waiting.now if self.waiting.is_alive else None


@page
def pending(request: ConsoleRequest, pending_id: UUID) -> HttpResponse:
    """What is asked for against what is there; the vote is on the request's own page."""
    with tenant_scope(request.tenant.tenant_id):
        found = run_flow(find_pending(request.actor, request.call, pending_id))
        radius = run_flow(radius_of(request.tenant.tenant_id, found))
        shown = _shown(request, found)
        may_vote = _may_vote(request, found)
    tone, word, icon = STATES[found.state]
    context = {
        "pending": found,
        "tone": tone,
        "word": word,
        "icon_name": icon,
        "shown": shown,
        "is_hidden": not shown,
        "radius": radius,
        "said": _said(found),
        "may_vote": may_vote,
        "moved": found.state == "pending" and found.has_moved,
        "crumbs": [Crumb("Approvals", address(request, "approvals")), Crumb("A write that waits")],
    }
    return render(request, "pending/pending.html", context)


def _shown(request: ConsoleRequest, found: Pending) -> list[Shown]:
    """Nothing where the values may not be read; that is asked, and recorded, as of any read."""
    if found.state != "pending":
        return [Shown(one, None, "") for one in found.operations]
    try:
        with tenant_scope(request.tenant.tenant_id):
            effects = run_flow(effects_of(request.actor, request.call, found))
    except Forbidden:
        return []
    return [_of(one) for one in effects]


def _of(effect: Effect) -> Shown:
    changes = None if effect.values is None else structural(*effect.values)
    return Shown(effect.waiting, changes, effect.refused or "")


def _may_vote(request: ConsoleRequest, found: Pending) -> bool:
    try:
        asked = approvals.readable_request(request.actor, request.call, found.approval)
    except NoSuchRequest:
        return False
    return approvals.may_vote(request.actor, asked)


def _said(found: Pending) -> str:
    count = len(found.operations)
    what = "1 entry" if count == 1 else f"{count:,} entries"
    by = found.asked_by.name
    match found.state:
        case "pending":
            return f"{by} asks to change {what}. Readers see nothing of it until others agree."
        case "released":
            return f"{by} asked to change {what}, and others agreed."
    return f"{by} asked to change {what}; nothing was written."
