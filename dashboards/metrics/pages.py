"""The four dashboards, and the CSV of each of their figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render

from dashboards.metrics import operations, rules, security, storage
from dashboards.metrics.building import Build
from dashboards.metrics.frame import Frame
from dashboards.ranges import ALL, Range, read_range
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.evidence.acts import permit_reading
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Statement
from stateward.tenancy.scope import execute, tenant_scope
from stateward.web.csvfile import csv_response

EVERY_SECONDS = 30
KEPT = ("range", "from", "until", "when", "live")
NOW = """
SELECT clock_timestamp(),
    (SELECT counted_at FROM stateward_tally_state WHERE tenant_id = %s AND isfinite(counted_at))
"""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page: its name in addresses, what it is called, and how its figures are built."""

    name: str
    title: str
    figures: dict[str, Build]
    said: Callable[[Frame], str]
    needs_audit: bool = False


DASHBOARDS = {
    one.name: one
    for one in (
        Dashboard("operations", "Operations", operations.FIGURES, operations.said),
        Dashboard("governance", "Governance", rules.FIGURES, rules.said, needs_audit=True),
        Dashboard("storage", "Storage", storage.FIGURES, storage.said),
        Dashboard("security", "Security", security.FIGURES, security.said, needs_audit=True),
    )
}


@page
def dashboard(request: ConsoleRequest, name: str = "operations") -> HttpResponse:
    """All figures of one dashboard over one range."""
    shown = _known(name)
    with tenant_scope(request.tenant.tenant_id):
        _permit(request, shown)
        frame = _frame(request)
        panels = [build(frame) for build in shown.figures.values()]
        said = shown.said(frame)
    is_live = request.GET.get("live") != "off" and frame.range.until >= frame.now
    kept = _kept(request)
    context = {
        "crumbs": [Crumb("Metrics", address(request, "metrics")), Crumb(shown.title)],
        "shown": shown,
        "dashboards": [(one, _url(request, one.name, kept)) for one in DASHBOARDS.values()],
        "said": said,
        "panels": [(panel, _csv_url(request, shown.name, panel.id)) for panel in panels],
        "range": frame.range,
        "ranges": [
            (name, label, _without_range(request, range=name)) for name, (label, *_) in ALL.items()
        ],
        "moves": _moves(request, frame.range, frame),
        "as_of": frame.counted_at if shown.needs_audit else frame.now,
        "live": EVERY_SECONDS if is_live else None,
        "can_live": frame.range.until >= frame.now,
        "live_url": f"?{urlencode({**kept, 'live': 'off' if is_live else 'on'})}",
    }
    return render(request, "metrics/dashboard.html", context)


@page
def figure_csv(request: ConsoleRequest, name: str, figure: str) -> HttpResponseBase:
    """One figure's numbers, every step of the range in the address."""
    shown = _known(name)
    if figure not in shown.figures:
        raise NotFound
    with tenant_scope(request.tenant.tenant_id):
        _permit(request, shown)
        panel = shown.figures[figure](_frame(request))
    return csv_response(
        f"{request.tenant.tenant_slug}-{name}-{figure}", panel.headings, panel.table
    )


def _known(name: str) -> Dashboard:
    if name not in DASHBOARDS:
        raise NotFound
    return DASHBOARDS[name]


def _permit(request: ConsoleRequest, shown: Dashboard) -> None:
    """What is counted from the audit is for those who may read it; the rest for every member."""
    if shown.needs_audit:
        permit_reading(request.actor, request.call)


def _frame(request: ConsoleRequest) -> Frame:
    now, counted = execute(Statement(NOW, (request.tenant.tenant_id,)))[0]
    return Frame(request, now, counted, read_range(request.GET, now))


def _kept(request: ConsoleRequest) -> dict[str, str]:
    """What every link keeps of the address."""
    return {name: request.GET[name] for name in KEPT if request.GET.get(name)}


def _url(request: ConsoleRequest, name: str, kept: dict[str, str]) -> str:
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{address(request, 'dashboard', name)}{query}"


def _without_range(request: ConsoleRequest, **changes: str) -> str:
    """The same page with another range."""
    kept = {key: value for key, value in _kept(request).items() if key == "live"}
    return f"?{urlencode(kept | changes)}"


def _moves(request: ConsoleRequest, shown: Range, frame: Frame) -> list[tuple[str, str, str]]:
    """(icon, words, address): what dragging does, for the keyboard; later than now is nothing."""
    span = shown.until - shown.since
    stretches = [
        ("left", "Earlier", shown.since - span, shown.since),
        ("right", "Later", shown.until, min(shown.until + span, frame.now)),
        ("minus", "Zoom out", shown.since - span / 2, min(shown.until + span / 2, frame.now)),
        ("plus", "Zoom in", shown.since + span / 4, shown.until - span / 4),
    ]
    now = frame.now
    found = []
    for icon, words, since, until in stretches:
        query = {"from": f"{since:%Y-%m-%dT%H:%M:%SZ}", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        if not read_range(query, now).name:
            found.append((icon, words, _without_range(request, **query)))
    return found


def _csv_url(request: ConsoleRequest, name: str, figure: str) -> str:
    kept = _kept(request)
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{address(request, 'figure_csv', name, figure)}{query}"
