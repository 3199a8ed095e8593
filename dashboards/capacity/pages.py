"""Capacity: the page, its CSV, the quota, and the reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from dashboards import figures
from dashboards.capacity.band import AHEAD, band
from dashboards.capacity.saving import SavingForm, saving
from dashboards.figures import Figure
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from dashboards.traffic import Measure
from governance.capacity import services
from governance.capacity.forecast import Exhaustion
from governance.capacity.outlook import AHEAD as SOON
from governance.capacity.outlook import Outlook
from governance.capacity.queries import Quota
from stateward.kernel.errors import Unprocessable
from stateward.tenancy.scope import tenant_scope
from stateward.web.csvfile import csv_response

SHOWN = 8
REPORTS = 10
MOST = 2**62
HEADINGS = ("day", "entries", "value_bytes", "history_bytes", "low", "expected", "high")
WORDS = {
    "bytes": "the quota of bytes",
    "entries": "the quota of entries",
    "disk": "the database's disk",
}


class QuotaForm(forms.Form):
    """Either may be empty: no limit of that kind."""

    bytes = forms.IntegerField(required=False, min_value=1, max_value=MOST, label="Bytes")
    entries = forms.IntegerField(required=False, min_value=1, max_value=MOST, label="Entries")
    writes_per_day = forms.IntegerField(
        required=False, min_value=1, max_value=MOST, label="Writes a day"
    )
    refuses = forms.BooleanField(required=False, label="Refuse writes past it")


@page
def capacity(request: ConsoleRequest) -> HttpResponse:
    """How storage stands and goes on."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.look(request.actor, request.call)
        reports, _ = services.reports(request.actor, request.call, before=None, limit=REPORTS)
        may_set = may(request, "tenant.manage").allowed
        may_preview = may(request, "retention.read").allowed
        asked = request.GET if "namespace" in request.GET else None
        form = SavingForm(asked, initial={"days": 90})
        would = saving(request, form, found) if may_preview else None
    context = {
        "crumbs": [Crumb("Capacity")],
        "said": said(found),
        "found": found,
        "strip": strip(found),
        "figure": band(found),
        "csv_url": address(request, "capacity_csv"),
        "growers": [
            ("namespace", "Namespaces that grew most", found.namespaces[:SHOWN]),
            ("agent", "Writers that grew most", found.agents[:SHOWN]),
        ],
        "names": sorted(one.label for one in found.namespaces if one.label)[:200],
        "reports": reports,
        "may_set": may_set,
        "may_preview": may_preview,
        "form": form,
        "would": would,
    }
    return render(request, "capacity/capacity.html", context)


@page
def capacity_csv(request: ConsoleRequest) -> HttpResponseBase:
    """Each measured day, and each of the 90 ahead with its band."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.look(request.actor, request.call)
    return csv_response(f"{request.tenant.tenant_slug}-capacity", HEADINGS, _rows(found))


@page
def quota(request: ConsoleRequest) -> HttpResponse:
    """What to plan with."""
    with tenant_scope(request.tenant.tenant_id):
        services.permit_looking(request.actor, request.call)
        now, used = services.quota(request.actor), services.usage(request.actor)
    form = QuotaForm(request.POST or None, initial=asdict(now))
    if request.method == "POST" and form.is_valid():
        try:
            services.set_quota(request.actor, request.call, Quota(**form.cleaned_data))
        except Unprocessable as error:
            show_faults(form, error)
        else:
            messages.success(request, "Forecasts are compared with the new quota from now on.")
            return redirect(address(request, "capacity"))
    crumbs = [Crumb("Capacity", address(request, "capacity")), Crumb("Quota")]
    context = {"crumbs": crumbs, "form": form, "used": used, "refuses": now.refuses}
    return render(request, "capacity/quota.html", context, status=422 if form.is_bound else 200)


@page
def report(request: ConsoleRequest, report_id: UUID) -> HttpResponse:
    """One report as it was kept."""
    with tenant_scope(request.tenant.tenant_id):
        kept = services.report(request.actor, request.call, report_id)
    crumbs = [Crumb("Capacity", address(request, "capacity")), Crumb("Report")]
    context = {"crumbs": crumbs, "kept": kept, "body": kept.body}
    return render(request, "capacity/report.html", context)


def said(found: Outlook) -> str:
    """How things stand, in a sentence."""
    if not found.latest:
        return "Nothing was measured yet; the first measurement comes within the hour."
    stored = f"{figures.size(found.total)} in {figures.plural(found.entries, 'entry', 'entries')}"
    ahead = found.bytes_ahead
    if not ahead:
        more = figures.plural(found.missing_days, "more measured day", "more measured days")
        return f"{stored}; how it goes on can be said after {more}."
    return f"{stored}, {_pace(ahead.slope)}; {_ends(found)}."


def strip(found: Outlook) -> list[Measure]:
    """Four figures: what is there, how fast it grows, what it will be, what ends it."""
    ahead, quota = found.bytes_ahead, found.quota.bytes
    compare = (
        f"{figures.digits(100 * found.total / quota)} % of the quota"
        if quota
        else "no quota is set"
    )
    what, end = found.end
    late = end.expected is not None and (end.expected - found.day).days <= SOON
    return [
        Measure("Stored", figures.size(found.total), (), compare),
        Measure(
            "Growth a day",
            figures.size(ahead.slope) if ahead else Figure("–"),
            (),
            f"over {figures.plural(ahead.days, 'day', 'days')}"
            if ahead
            else f"needs {figures.plural(found.missing_days, 'more day', 'more days')}",
        ),
        Measure(
            f"In {SOON} days",
            figures.size(ahead.after(SOON).expected) if ahead else Figure("–"),
            (),
            f"{figures.size(ahead.after(SOON).low)} to {figures.size(ahead.after(SOON).high)}"
            if ahead
            else "not enough history",
        ),
        Measure(
            "Runs out on",
            Figure(f"{end.expected:%-d %b}", f"{end.expected:%Y}") if end.expected else Figure("–"),
            (),
            f"{WORDS[what]}, {_between(end)}" if what else _nothing(found),
            "bad" if late else "",
        ),
    ]


def _pace(slope: float) -> str:
    if abs(slope) < 1:
        return "and does not grow"
    word = "growing" if slope > 0 else "shrinking"
    return f"{word} by {figures.size(abs(slope))} a day"


def _ends(found: Outlook) -> str:
    what, end = found.end
    if end.is_over:
        return f"{WORDS[what]} is used up"
    if not what or end.expected is None:
        return "nothing runs out within two years, as expected"
    return f"{WORDS[what]} lasts until {_day(end.expected)}, {_between(end)}"


def _nothing(found: Outlook) -> str:
    """Why no day is told."""
    if not found.bytes_ahead:
        return "not enough history"
    if not (found.quota.bytes or found.quota.entries or found.volume):
        return "no quota is set, no disk known"
    return "nothing, within two years"


def _between(end: Exhaustion) -> str:
    earliest = _day(end.earliest) if end.earliest else "now"
    latest = _day(end.latest) if end.latest else "not within two years"
    return f"between {earliest} and {latest}" if end.latest else f"{earliest} at the earliest"


def _day(day: date | None) -> str:
    return f"{day:%-d %b %Y}" if day else "–"


def _rows(found: Outlook) -> Iterator[tuple[object, ...]]:
    for one in found.days:
        yield (one.day, one.entries, one.bytes, one.revision_bytes, "", "", "")
    for ahead in found.bytes_ahead.band(AHEAD)[1:] if found.bytes_ahead else ():
        numbers = (round(ahead.low), round(ahead.expected), round(ahead.high))
        yield (ahead.day, "", "", "", *numbers)
