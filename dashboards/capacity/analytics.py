"""What a namespace is used for: three figures, and the keys that stand out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render

from dashboards import figures
from dashboards.capacity.band import UNITS
from dashboards.drawing import Line
from dashboards.plotting import FigureView, line_figure
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.traffic import Measure
from governance.capacity.analytics import DAYS, look_at
from stateward.operations.metrics.analytics import Analytics, Day
from stateward.tenancy.scope import tenant_scope
from stateward.web.csvfile import csv_response

RANGES = (7, DAYS, 90, 365)
FIGURES = ("growth", "use", "cost")


@page
def analytics(request: ConsoleRequest, name: str) -> HttpResponse:
    """One namespace."""
    days = _days(request)
    found = _look(request, name, days)
    here = address(request, "namespace_analytics", name)
    context = {
        "name": name,
        "found": found,
        "said": said(found),
        "strip": strip(found),
        "figures": [
            (one, f"{address(request, 'namespace_analytics_csv', name, one.id)}?days={days}")
            for one in drawn(found)
        ],
        "lists": [
            ("hot", "Hottest keys", "Writes in 7 d", found.of("hot"), "No key was written twice"),
            ("large", "Largest keys", "Size", found.of("large"), "Nothing is stored"),
            ("dead", "Dead keys", "Size", found.of("dead"), "No key is dead"),
        ],
        "ranges": [(one, f"{here}?days={one}", one == days) for one in RANGES],
        "crumbs": [
            Crumb("Namespaces", address(request, "namespaces")),
            Crumb(name, address(request, "namespace", name)),
            Crumb("Analytics"),
        ],
    }
    return render(request, "capacity/analytics.html", context)


@page
def analytics_csv(request: ConsoleRequest, name: str, figure: str) -> HttpResponseBase:
    """One figure's numbers, every day of them."""
    if figure not in FIGURES:
        raise Http404
    found = _look(request, name, _days(request))
    one = next(one for one in drawn(found) if one.id == figure)
    return csv_response(f"{name}-{figure}", one.headings, one.table)


def said(found: Analytics) -> str:
    """How things stand, in a sentence."""
    if found.standing is None:
        return "Nothing was counted yet; the first count comes within the hour."
    writes = sum(one.writes for one in found.days)
    reads = sum(one.reads for one in found.days)
    span = figures.plural(len(found.days), "day", "days")
    dead = found.standing.dead_keys
    rests = (
        f"{figures.plural(dead, 'key has', 'keys have')} not been touched for "
        f"{figures.plural(found.standing.dead_after_days, 'day', 'days')}"
        if dead
        else "no key is dead"
    )
    return f"{figures.whole(writes)} writes and {figures.whole(reads)} reads in {span}; {rests}."


def strip(found: Analytics) -> list[Measure]:
    """Four figures: what is there, conflicts, amplification, what is dead."""
    latest = found.days[-1]
    writes = sum(one.writes for one in found.days)
    conflicts = sum(one.conflicts for one in found.days)
    value = sum(one.value_bytes for one in found.days)
    stored = sum(one.stored_bytes for one in found.days)
    rate = f"{100 * conflicts / (writes + conflicts):.1f} %" if writes + conflicts else "–"
    standing = found.standing
    return [
        Measure(
            "Stored",
            figures.size(latest.bytes + latest.revision_bytes),
            (),
            f"{figures.plural(latest.entries, 'entry', 'entries')}, "
            f"{figures.plural(latest.revisions, 'revision', 'revisions')}",
        ),
        Measure(
            "Conflicts", figures.Figure(rate), (),
            f"{figures.whole(conflicts)} of {figures.whole(writes + conflicts)} tries",
        ),
        Measure(
            "Write amplification",
            figures.Figure(f"{stored / value:.1f}", "×") if value else figures.Figure("–"),
            (),
            f"{figures.size(stored)} for {figures.size(value)} of values",
        ),
        Measure(
            "Dead",
            figures.size(standing.dead_bytes) if standing else figures.Figure("–"),
            (),
            f"{figures.plural(standing.dead_keys, 'key', 'keys')} untouched for "
            f"{standing.dead_after_days} d" if standing else "not counted yet",
        ),
    ]  # fmt: skip


def drawn(found: Analytics) -> list[FigureView]:
    """Growth, use, and what writing costs."""
    days = found.days
    if len(days) < 2:
        days = [days[0], *days] if days else days
    moments = [datetime(one.day.year, one.day.month, one.day.day, tzinfo=UTC) for one in days]
    return [_growth(days, moments), _use(days, moments), _cost(days, moments)]


def _growth(days: Sequence[Day], moments: Sequence[datetime]) -> FigureView:
    most = max((one.bytes + one.revision_bytes for one in days), default=0)
    factor, unit = next(((1024.0**p, unit) for p, unit in UNITS if most >= 1024**p), (1.0, "B"))
    last = days[-1]
    return line_figure(
        "growth",
        title="Growth",
        says=f"{figures.size(last.bytes)} of values now, {figures.size(last.revision_bytes)} of "
        "history.",
        moments=moments,
        lines=[
            _line("values", 1, days, lambda one: one.bytes / factor, str(figures.size(last.bytes))),
            _line(
                "history", 2, days, lambda one: one.revision_bytes / factor,
                str(figures.size(last.revision_bytes)),
            ),
        ],
        unit=unit,
        kind="area",
    )  # fmt: skip


def _use(days: Sequence[Day], moments: Sequence[datetime]) -> FigureView:
    last = days[-1]
    busiest = max(days, key=lambda one: one.writes)
    return line_figure(
        "use",
        title="Use",
        says=f"{figures.whole(last.writes)} writes and {figures.whole(last.reads)} reads today; "
        f"most were written on {busiest.day:%-d %b}, {figures.whole(busiest.writes)}.",
        moments=moments,
        lines=[
            _line("writes", 1, days, lambda one: one.writes, figures.whole(last.writes)),
            _line("reads", 3, days, lambda one: one.reads, figures.whole(last.reads)),
        ],
        unit="",
        kind="bars",
    )


def _cost(days: Sequence[Day], moments: Sequence[datetime]) -> FigureView:
    known = [one.write_amplification for one in days if one.write_amplification is not None]
    rate = [one.conflict_rate for one in days if one.conflict_rate is not None]
    lines = [
        Line(
            "bytes stored for each byte of value", "series-1", "solid",
            [one.write_amplification for one in days], f"{known[-1]:.1f}" if known else "–",
        ),
        Line(
            "conflicts, % of tries", "series-4", "dash",
            [None if one.conflict_rate is None else 100 * one.conflict_rate for one in days],
            f"{100 * rate[-1]:.1f}" if rate else "–",
        ),
    ]  # fmt: skip
    return line_figure(
        "cost",
        title="What writing costs",
        says="Sealed bytes in entry and revision and the audit's record, for each byte of value; "
        "and how often another write was quicker.",
        moments=moments,
        lines=lines,
        unit="",
    )


def _line(
    name: str, series: int, days: Sequence[Day], value: Callable[[Day], float], latest: str
) -> Line:
    return Line(name, f"series-{series}", "solid", [value(one) for one in days], latest)


def _look(request: ConsoleRequest, name: str, days: int) -> Analytics:
    with tenant_scope(request.tenant.tenant_id):
        return look_at(request.actor, request.call, name, days=days)


def _days(request: ConsoleRequest) -> int:
    wanted = request.GET.get("days", "")
    return int(wanted) if wanted in {str(one) for one in RANGES} else DAYS
