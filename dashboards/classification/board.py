"""The board: what is suggested, what was found by kind and namespace, and one namespace's own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.classification.words import (
    GROUP_WORDS,
    SCAN_WORDS,
    STATE_WORDS,
    board_said,
    by_kind,
    entries_said,
    is_low,
    title_of,
    why,
)
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.classification import queries, services
from governance.classification.advice import Tally
from governance.classification.models import ClassificationScan
from governance.classification.settling import wanted_for
from governance.people.acts import judge
from stateward.kernel.errors import Conflict, Malformed, NotFound, Unprocessable
from stateward.state.detectors.kinds import GROUPS, KINDS
from stateward.state.services.masking import namespace_masks, set_namespace_masks
from stateward.state.services.namespaces import find_namespace, resource_of
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

SHOWN = 100
DECIDED = 8
ROWS = 50


@page
def classification(request: ConsoleRequest) -> HttpResponse:
    """Suggestions to decide on, beside what they rest on."""
    with tenant_scope(request.tenant.tenant_id):
        who = request.actor, request.call
        known = queries.readable(*who)
        overviews = sorted(queries.overview(*who, known), key=lambda one: not is_low(one))
        waiting, _ = queries.suggestions(*who, state="open", limit=SHOWN, known=known)
        newest, _ = queries.suggestions(*who, limit=SHOWN, known=known)
        scans, _ = queries.scans(*who, limit=1, known=known)
        may_manage = may(request, "classification.manage").allowed
    context = {
        "said": board_said(len(waiting), overviews),
        "waiting": [{"one": one, "why": why(one)} for one in waiting],
        "decided": [
            {"one": one, "why": why(one), "word": STATE_WORDS[one.state]}
            for one in newest
            if one.state != "open"
        ][:DECIDED],
        "kinds": by_kind(overviews),
        "namespaces": [_overview(one) for one in overviews[:SHOWN]],
        "count": len(overviews),
        "more": max(len(overviews) - SHOWN, 0),
        "scan": _scan(scans[0]) if scans else None,
        "may_manage": may_manage,
        "crumbs": [Crumb("Classification")],
    }
    return render(request, "classification/board.html", context)


def _overview(one: queries.Overview) -> dict[str, Any]:
    ordered = sorted(one.tallies, key=lambda each: -each.entries)
    return {
        "namespace": one.namespace,
        "standing": one.standing,
        "found": ", ".join(title_of(each.kind).lower() for each in ordered[:3]),
        "more": max(len(ordered) - 3, 0),
        "is_low": is_low(one),
    }


def _scan(scan: ClassificationScan) -> dict[str, Any]:
    tone, word = SCAN_WORDS[scan.state]
    return {"scan": scan, "tone": tone, "word": word}


@require_POST
@page
def decide(request: ConsoleRequest) -> HttpResponse:
    """Accept or dismiss those that are chosen, or the one whose own button was pressed."""
    verdict = request.POST.get("verdict", "")
    chosen = request.POST.getlist("ids")
    try:
        ids = [UUID(one) for one in chosen]
        with tenant_scope(request.tenant.tenant_id):
            decided = services.decide(
                request.actor, request.call, ids,
                verdict=verdict, reason=request.POST.get("reason", ""),
            )  # fmt: skip
    except (Conflict, NotFound, Unprocessable, ValueError) as error:
        messages.error(request, f"{_fault(error, chosen)} Nothing was decided.")
    else:
        messages.success(request, _decided_said(decided[0].state, len(decided)))
    return redirect(address(request, "classification"))


def _fault(error: Exception, chosen: list[str]) -> str:
    if not chosen:
        return "Choose at least one suggestion."
    if isinstance(error, Unprocessable) and any(one.pointer == "/reason" for one in error.errors):
        return "Say why it need not be kept more closely."
    return str(getattr(error, "detail", "That is not a suggestion there is."))


def _decided_said(state: str, count: int) -> str:
    things = "suggestion" if count == 1 else "suggestions"
    if state == "dismissed":
        return f"{count} {things} dismissed. The namespaces stay as they are."
    return f"{count} {things} accepted. The new classification holds from the next read and write."


@require_POST
@page
def scan(request: ConsoleRequest) -> HttpResponse:
    """Start to look through a namespace, or all."""
    name = request.POST.get("namespace", "").replace("\x00", "")[:640]
    there = address(request, "classification_of", name) if name else ""
    try:
        with tenant_scope(request.tenant.tenant_id):
            services.start_scan(request.actor, request.call, namespace=name)
    except Conflict as error:
        messages.error(request, f"{error.detail} Nothing was started.")
    else:
        messages.success(request, f"Looking through {name or 'every namespace'}.")
    return redirect(there or address(request, "classification"))


@page
def namespace(request: ConsoleRequest, name: str) -> HttpResponse:
    """One namespace: why it is, or should be, kept as closely."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    key = request.GET.get("key", "").replace("\x00", "")[:512]
    with tenant_scope(request.tenant.tenant_id):
        found = find_namespace(request.actor, request.call, name)
        seen, following = queries.findings(
            request.actor, request.call, name, kind=kind, key=key, before=_place(request),
            limit=ROWS,
        )  # fmt: skip
        known = {found.id: found}  # ``findings`` has asked whether the reader may
        (about,) = queries.overview(request.actor, request.call, known)
        waiting, _ = queries.suggestions(request.actor, request.call, state="open", known=known)
        wanted = wanted_for(request.tenant.tenant_id, name)
        masked = namespace_masks(request.actor, request.call, name)
        may_update = judge(request.actor, request.call)("namespace.update", resource_of(found))
        may_manage = may(request, "classification.manage").allowed
    context = {
        "namespace": found,
        "about": about,
        "said": _namespace_said(about),
        "tallies": [_tally(request, one, kind) for one in about.tallies],
        "kind": kind,
        "kind_title": title_of(kind) if kind else "",
        "key": key,
        "seen": [(one.finding, title_of(one.finding.kind), one.pointer) for one in seen],
        "next_cursor": encode_cursor([str(following)]) if following else None,
        "cursor": request.GET.get("cursor", ""),
        "suggestion": waiting[0] if waiting else None,
        "why": why(waiting[0]) if waiting else "",
        "wanted": wanted,
        "masks": _masks(masked),
        "is_masking": bool(masked),
        "may_update": may_update,
        "may_manage": may_manage,
        "crumbs": [Crumb("Classification", address(request, "classification")), Crumb(name)],
    }
    return render(request, "classification/namespace.html", context)


@require_POST
@page
def masks(request: ConsoleRequest, name: str) -> HttpResponse:
    """What a namespace masks for who may not decrypt restricted values."""
    chosen = [one for one in request.POST.getlist("kinds") if one in GROUPS or one in KINDS]
    try:
        with tenant_scope(request.tenant.tenant_id):
            set_namespace_masks(
                request.actor, request.call, name, chosen, reason=request.POST.get("reason", "")
            )
    except Unprocessable:
        messages.error(request, "Say why less need be masked. Nothing was changed.")
    else:
        said = "They hold from the next read on." if chosen else "Values are shown as they are."
        messages.success(request, f"Masks of {name} saved. {said}")
    return redirect(address(request, "classification_of", name))


def _masks(chosen: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each group with whether it is masked; single kinds that a caller of the API chose."""
    rows = [{"name": one, "title": GROUP_WORDS[one].capitalize()} for one in GROUPS]
    rows += [{"name": one, "title": title_of(one)} for one in chosen if one in KINDS]
    return [row | {"is_masked": row["name"] in chosen} for row in rows]


def _namespace_said(about: queries.Overview) -> str:
    standing = about.standing
    if standing is None:
        return "It was never looked through: what it holds is not known."
    looked = entries_said(standing.looked)
    if not about.tallies:
        return f"Nothing personal and no secret was found in {looked}."
    verb = "asks for more than it has" if is_low(about) else "is covered by its classification"
    return f"What was found in {looked} {verb}."


def _tally(request: ConsoleRequest, one: Tally, kind: str) -> dict[str, Any]:
    query = {} if one.kind == kind else {"kind": one.kind}
    return {
        "tally": one,
        "title": title_of(one.kind),
        "asks_for": KINDS[one.kind].asks_for if one.kind in KINDS else "",
        "url": f"?{urlencode(query)}",
        "is_chosen": one.kind == kind,
    }


def _place(request: ConsoleRequest) -> UUID | None:
    cursor = request.GET.get("cursor", "")
    if not cursor:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None
