"""The report of a scan: as a page, as CSV, as PDF. What leaves as a file is on record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render

from dashboards.compliance.words import crumbs, item_url, outcome_badge, tabs
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.compliance.acts import record
from governance.compliance.models import Scan
from governance.compliance.pdf import report_pdf
from governance.compliance.queries import full_scans, permit_reading, scans_of
from governance.compliance.report import Report, report_of
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import NotFound
from stateward.tenancy.scope import tenant_scope
from stateward.web.csvfile import csv_response

SCANS = 12
ORDER = ("fail", "error", "insufficient_evidence", "pass", "not_applicable")  # on the page
HEADINGS = (
    "check", "title", "severity", "outcome", "population", "failing", "item", "kind", "id",
    "detail", "status", "owner", "finding", "check_version", "scan", "scanned_at",
    "results_sha256", "audit_record",
)  # fmt: skip


@page
def report(request: ConsoleRequest) -> HttpResponse:
    """What the newest scan over everything found, or the one that ``scan`` names."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        scans = full_scans(tenant_id, SCANS)
        shown = _chosen(request, scans)
        found = _report(request, shown) if shown else None
    context = {
        "report": found,
        "scans": scans,
        "lines": [
            {
                "line": line,
                "badge": outcome_badge(line.result.outcome),
                "items": [
                    {"item": item, "url": item_url(request, item["kind"], item["id"])}
                    for item in line.result.items[:20]
                ],
                "more": max(line.result.failing - 20, 0),
            }
            for line in sorted(found.lines, key=lambda line: ORDER.index(line.result.outcome))
        ]
        if found
        else [],
        "tabs": tabs(request, "compliance_report"),
        "crumbs": crumbs(request, Crumb("Report")),
        "record_url": address(request, "audit_record", shown.record_id)
        if shown and shown.record_id
        else "",
    }
    return render(request, "compliance/report.html", context)


@page
def report_csv(request: ConsoleRequest) -> HttpResponseBase:
    """Every check, and every failing item, one a row."""
    found, decision = _asked(request)
    _record(request, found, decision, "csv", None)
    return csv_response(_name(found, "csv"), HEADINGS, _rows(found))


@page
def report_file(request: ConsoleRequest) -> HttpResponse:
    """The report as a PDF."""
    found, decision = _asked(request)
    content = report_pdf(found)
    _record(request, found, decision, "pdf", hashlib.sha256(content).hexdigest())
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{_name(found, "pdf")}"'
    return answer


def _asked(request: ConsoleRequest) -> tuple[Report, Decision | None]:
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        decision = permit_reading(request.actor, request.call)
        shown = _chosen(request, full_scans(tenant_id, 1))
        if shown is None:
            raise NotFound("Nothing was scanned yet.")
        return _report(request, shown), decision


def _chosen(request: ConsoleRequest, newest: list[Scan]) -> Scan | None:
    """The scan the address names, a finished one; else the newest. In the tenant's scope."""
    named = request.GET.get("scan", "")
    if not named:
        return newest[0] if newest else None
    try:
        scan_id = UUID(named)
    except ValueError:
        raise NotFound from None
    found = scans_of(request.tenant.tenant_id).filter(id=scan_id, finished_at__isnull=False).first()
    if found is None:
        raise NotFound
    return found


def _report(request: ConsoleRequest, scan: Scan) -> Report:
    return report_of(scan, request.tenant.tenant_name, request.tenant.tenant_slug)


def _record(
    request: ConsoleRequest,
    found: Report,
    decision: Decision | None,
    form: str,
    file_sha256: str | None,
) -> None:
    details = {
        "scan": str(found.scan.id),
        "form": form,
        "results_sha256": found.sha256,
        "file_sha256": file_sha256,
    }
    with tenant_scope(request.tenant.tenant_id):
        record(
            request.actor,
            request.call,
            "compliance.report_exported",
            decision,
            details,
            action="compliance.read",
        )


def _name(found: Report, kind: str) -> str:
    return f"compliance-{found.tenant_slug}-{found.scan.started_at:%Y-%m-%d}.{kind}"


def _rows(found: Report) -> Iterator[tuple[object, ...]]:
    scan = found.scan
    for line in found.lines:
        result = line.result
        head = (
            result.check_id, line.title, result.severity, result.outcome, result.population,
            result.failing,
        )  # fmt: skip
        tail = (result.check_version, scan.id, scan.finished_at, found.sha256, scan.record_id)
        if not result.items:
            yield (*head, *[""] * 7, *tail)
        for item in result.items:
            yield (
                *head, item["label"], item["kind"], item["id"], item["detail"], item["status"],
                item["owner"], item["finding"], *tail,
            )  # fmt: skip
