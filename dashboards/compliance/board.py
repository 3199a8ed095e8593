"""The findings board: what stands open, whose it is, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.compliance.words import Badge, crumbs, item_url, status_badge, tabs
from dashboards.figures import plural, span
from dashboards.navigation import exists
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, address, page
from governance.compliance.frameworks import all_frameworks
from governance.compliance.models import SEVERITIES, Finding, Scan
from governance.compliance.queries import (
    GRAVITY,
    Wanted,
    coverage,
    finding_counts,
    findings_of,
    full_scans,
    outcomes_of,
    permit_reading,
)
from governance.compliance.registry import find_check
from governance.compliance.services import ask_for_scan
from stateward.kernel.clock import now
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
FILTERS = ("status", "severity", "check", "owner")
CHOICES = (
    ("", "To do"),
    ("open", "Open"),
    ("in_progress", "In progress"),
    ("accepted", "Accepted"),
    ("resolved", "Resolved"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A finding in the list."""

    finding: Finding
    title: str
    badge: Badge
    url: str
    item_url: str
    is_overdue: bool


@page
def board(request: ConsoleRequest) -> HttpResponse:
    """Findings by gravity; the filter stands in the address."""
    asked = {name: request.GET.get(name, "")[:64].replace("\x00", "") for name in FILTERS}
    cursor = request.GET.get("cursor", "")
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        found = list(_page(tenant_id, asked, cursor)[: ROWS + 1])
        counts = finding_counts(tenant_id)
        scans = full_scans(tenant_id)
        outcomes = outcomes_of(tenant_id)
        may_manage = may(request, "compliance.manage").allowed
    shown = found[:ROWS]
    last = scans[0] if scans else None
    context = {
        "rows": [_row(request, finding) for finding in shown],
        "said": _said(counts, last),
        "last": last,
        "trend": [scan.failed for scan in reversed(scans)],
        "matrix": _matrix(request, counts, asked),
        "choices": [
            {"value": value, "label": label, "url": _url(request, asked, status=value)}
            for value, label in CHOICES
        ],
        "asked": asked,
        "narrowed": _narrowed(request, asked),
        "frameworks": [
            {"framework": one, "coverage": coverage(one, outcomes)} for one in all_frameworks()
        ]
        if last
        else [],
        "may_manage": may_manage,
        "run_url": _run_url(request, last),
        "next_cursor": encode_cursor(_place(shown[-1])) if len(found) > ROWS else None,
        "cursor": cursor,
        "tabs": tabs(request, "compliance"),
        "crumbs": crumbs(request),
    }
    return render(request, "compliance/board.html", context)


@require_POST
@page
def scan(request: ConsoleRequest) -> HttpResponse:
    """Ask for a scan, of everything or of one check; its run shows how it goes."""
    check_id = request.POST.get("check", "")[:16]
    started = ask_for_scan(request.actor, request.call, check_id=check_id)
    what = f"The scan of {check_id}" if check_id else "The scan of every check"
    messages.success(request, f"{what} has started; findings change as it goes.")
    return redirect(_run_url(request, started) or address(request, "compliance"))


def _page(tenant_id: UUID, asked: dict[str, str], cursor: str) -> Any:
    """The gravest first, then the oldest; from the cursor's place on."""
    status = asked["status"]
    owner = _uuid(asked["owner"])
    wanted = Wanted(
        status if status in {value for value, _ in CHOICES if value} else None,
        asked["severity"] if asked["severity"] in SEVERITIES else None,
        asked["check"] or None,
        owner,
    )
    found = findings_of(tenant_id, wanted)
    if not wanted.status:
        found = found.filter(standing__in=("open", "in_progress"))
    found = found.annotate(gravity=GRAVITY).order_by("gravity", "id")
    if cursor:
        gravity, after = decode_cursor(cursor, length=2)
        after_id = _uuid(str(after))
        if isinstance(gravity, int) and after_id:
            later = found.filter(gravity__gt=gravity) | found.filter(
                gravity=gravity, id__gt=after_id
            )
            found = later.order_by("gravity", "id")
    return found


def _place(finding: Any) -> list[Any]:
    return [finding.gravity, str(finding.id)]


def _row(request: ConsoleRequest, finding: Any) -> Row:
    check = find_check(finding.check_id)
    today: date = now().date()
    is_open = finding.standing in {"open", "in_progress"}
    return Row(
        finding,
        check.title if check else finding.check_id,
        status_badge(finding.standing, finding.severity),
        address(request, "compliance_finding", finding.id),
        item_url(request, finding.item_kind, finding.item_id),
        bool(is_open and finding.due_on and finding.due_on < today),
    )


def _said(counts: dict[tuple[str, str], int], last: Scan | None) -> str:
    if last is None:
        return "Nothing was scanned yet: the first scan runs within a day, or now."
    todo = {key: many for key, many in counts.items() if key[0] in {"open", "in_progress"}}
    age = span(now() - last.finished_at) if last.finished_at else "0 s"
    scanned = f"the scan {age} ago passed {last.passed} of {_checks(last)} checks"
    if not todo:
        return f"Nothing stands open; {scanned}."
    many = sum(todo.values())
    grave = sum(many for (_, severity), many in todo.items() if severity == "critical")
    said = plural(many, "finding stands open", "findings stand open")
    said += f", {grave} of them critical" if grave else ", none of them critical"
    return f"{said}; {scanned}."


def _checks(scan: Scan) -> int:
    return scan.passed + scan.failed + scan.not_applicable + scan.insufficient + scan.errors


def _matrix(
    request: ConsoleRequest, counts: dict[tuple[str, str], int], asked: dict[str, str]
) -> list[dict[str, Any]]:
    """How many of each severity and standing; each number leads to those it counts."""
    return [
        {
            "severity": severity,
            "cells": [
                {
                    "count": counts.get((standing, severity), 0),
                    "url": _url(request, asked, status=standing, severity=severity),
                    "standing": standing,
                }
                for standing in ("open", "in_progress", "accepted")
            ],
        }
        for severity in SEVERITIES
    ]


def _narrowed(request: ConsoleRequest, asked: dict[str, str]) -> list[dict[str, str]]:
    """The conditions beside the status, each with the address without it."""
    return [
        {"name": name, "value": asked[name], "url": _url(request, asked, **{name: ""})}
        for name in FILTERS[1:]
        if asked[name]
    ]


def _url(request: ConsoleRequest, asked: dict[str, str], **change: str) -> str:
    kept = {name: value for name, value in {**asked, **change}.items() if value}
    path = address(request, "compliance")
    return f"{path}?{urlencode(kept)}" if kept else path


def _run_url(request: ConsoleRequest, scan: Scan | None) -> str:
    if scan is None or scan.run_id is None or not exists("job"):
        return ""
    return address(request, "job", scan.run_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
