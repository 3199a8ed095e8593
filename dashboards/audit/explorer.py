"""Who did what, and why it was allowed or denied: the explorer of the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from dashboards import figures
from dashboards.audit.filters import (
    FACETS,
    TITLES,
    TYPED,
    Asked,
    asked,
    moment_text,
    position,
)
from dashboards.audit.records import Row, drawer, rows_of
from dashboards.audit.views import shown_views
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, page
from governance.evidence.acts import permit_reading
from governance.evidence.queries import namespace_names
from stateward.gate.audit.queries import SAMPLE, Survey, search_records, survey_records
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import NotFound
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.cursors import encode_cursor

ROWS = 50
BUCKETS = 96
HEIGHT = 72
FORMS = (
    ("bundle", "Bundle, with proofs"),
    ("ndjson", "NDJSON, as sealed"),
    ("csv", "CSV, for a spreadsheet"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: choosing it narrows the page, choosing it again widens it."""

    label: str
    count: int
    share: float
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in force, and the address without it."""

    name: str
    label: str
    url: str


@page
def audit(request: ConsoleRequest) -> HttpResponse:
    """The records that the address asks for, newest first."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        may_export = may(request, "audit.export", "audit_log").allowed
        wanted = asked(request)
        if (narrowed := _typed(request, wanted)) is not None:
            return HttpResponseRedirect(f"{request.path}{narrowed}")
        before = position(request)
        survey = run_flow(survey_records(wanted.filter, buckets=BUCKETS))
        found, following = run_flow(search_records(wanted.filter, before=before, limit=ROWS))
        ids = {record.namespace_id for record in found}
        ids |= {UUID(facet.value) for facet in survey.facets["namespace"]}
        names = namespace_names(request.tenant.tenant_id, ids)
        shown = _shown(request, names)
        views = shown_views(request, wanted)
    rows = rows_of(found, names, wanted)
    labels = {facet.value: facet.label for facet in survey.facets["actor"]}
    cursor = encode_cursor([rfc3339(following.at), str(following.id)]) if following else None
    context = {
        "asked": wanted,
        "rows": rows,
        "shown": shown,
        "said": _said(wanted, survey, rows),
        "survey": survey,
        "facets": _facets(wanted, survey, names),
        "conditions": _conditions(wanted, labels),
        "bars": _bars(survey),
        "height": HEIGHT,
        "typed": [(name, TITLES[name]) for name in TYPED],
        "axis": [
            wanted.range.since + (wanted.range.until - wanted.range.since) / 4 * n for n in range(4)
        ],
        "since": moment_text(wanted.range.since),
        "until": moment_text(wanted.range.until),
        "next_cursor": cursor,
        "cursor": request.GET.get("cursor"),
        "exported": _exported(survey),
        "forms": FORMS,
        "may_export": may_export,
        "follows": request.GET.get("follow") == "1" and before is None,
        "views": views,
        "crumbs": [Crumb("Audit")],
    }
    return render(request, "audit/explorer.html", context)


def _typed(request: ConsoleRequest, wanted: Asked) -> str | None:
    """What was typed beside the choices (``?by=key&is=EHGLP3``) as a condition of the address."""
    name, value = request.GET.get("by", ""), request.GET.get("is", "").strip()
    return wanted.url(**{name: value}) if name in TYPED and value else None


def _shown(request: ConsoleRequest, names: dict[UUID, str]) -> dict[str, Any] | None:
    """The record in the drawer, where the address names one that exists."""
    try:
        record_id = UUID(request.GET.get("record", ""))
        return drawer(request, record_id, names)
    except (ValueError, NotFound):
        return None


def _said(wanted: Asked, survey: Survey, rows: list[Row]) -> str:
    where = f"in {wanted.range.says}" if wanted.range.name else f"from {wanted.range.says}"
    if not survey.count:
        return f"Nothing was recorded {where}{' that fits' if wanted.given else ''}."
    outcomes = {facet.value: facet.count for facet in survey.facets["outcome"]}
    allowed = outcomes.get("allow", 0)
    denied = survey.count - allowed
    told = f"{figures.whole(denied)} denied" if denied else "none denied"
    if not survey.is_complete:
        begin = f"More than {figures.whole(SAMPLE)} records {where}"
        return f"{begin}; among the newest {figures.whole(SAMPLE)}, {told}."
    noun = "record" if survey.count == 1 else "records"
    return f"{figures.whole(survey.count)} {noun} {where}, {told}."


def _exported(survey: Survey) -> str:
    return figures.whole(survey.count) if survey.is_complete else f"{figures.whole(SAMPLE)}+"


def _facets(
    wanted: Asked, survey: Survey, names: dict[UUID, str]
) -> list[tuple[str, str, list[Choice]]]:
    found = []
    for name in FACETS:
        top = max((facet.count for facet in survey.facets[name]), default=1)
        choices = []
        for facet in survey.facets[name]:
            label = names.get(UUID(facet.value), "") if name == "namespace" else facet.label
            value = label if name == "namespace" else facet.value
            chosen = wanted.given.get(name) in {value, facet.label}
            url = wanted.url(**{name: None if chosen else value})
            if value:
                choices.append(Choice(label, facet.count, facet.count / top, url, chosen))
        if choices:
            found.append((name, TITLES[name], choices))
    return found


def _conditions(wanted: Asked, labels: dict[str, str]) -> list[Condition]:
    return [
        Condition(
            TITLES[name],
            labels.get(value, value) if name == "actor" else value,
            wanted.url(**{name: None}),
        )
        for name, value in wanted.given.items()
    ]


def _bars(survey: Survey) -> list[dict[str, Any]]:
    """Bars of one unit's width; denied ones stand on the ground, allowed ones on top of them."""
    top = max((one.allowed + one.denied for one in survey.buckets), default=0) or 1
    bars = []
    for place, one in enumerate(survey.buckets):
        if not one.allowed and not one.denied:
            continue
        denied = one.denied / top * (HEIGHT - 2)
        allowed = one.allowed / top * (HEIGHT - 2)
        if one.denied:
            denied = max(denied, 2.0)
        if one.allowed:
            allowed = max(allowed, 1.5)
        bars.append(
            {
                "x": place,
                "denied": round(denied, 2),
                "denied_y": round(HEIGHT - denied, 2),
                "allowed": round(allowed, 2),
                "allowed_y": round(HEIGHT - denied - allowed, 2),
            }
        )
    return bars
