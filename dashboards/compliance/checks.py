"""Checks with what they last answered and how that changed; frameworks with what it proves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.compliance.words import (
    Badge,
    coverage_badge,
    crumbs,
    evidence_url,
    item_url,
    outcome_badge,
    tabs,
    tick_states,
)
from dashboards.figures import plural
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.compliance.frameworks import (
    Control,
    Framework,
    all_frameworks,
    find_framework,
    planned_checks,
)
from governance.compliance.queries import (
    coverage,
    full_scans,
    outcomes_by_scan,
    outcomes_of,
    permit_reading,
    results_of_check,
    standings,
)
from governance.compliance.registry import find_check
from stateward.kernel.errors import NotFound
from stateward.tenancy.scope import tenant_scope

SCANS = 14
MOST_ITEMS = 50


@page
def checks(request: ConsoleRequest) -> HttpResponse:
    """Every check with its last answer and its trend by scan."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        asked = standings(tenant_id, with_items=False)
        scans = full_scans(tenant_id, SCANS)
        history = outcomes_by_scan(tenant_id, [scan.id for scan in scans])
        may_manage = may(request, "compliance.manage").allowed
    order = [scan.id for scan in reversed(scans)]
    areas: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for standing in asked:
        outcomes = _trend(standing.check.id, order, history)
        areas[standing.check.area].append(
            {
                "check": standing.check,
                "last": standing.last,
                "badge": outcome_badge(standing.outcome),
                "ticks": tick_states(outcomes, SCANS) if outcomes else [],
                "told": _told(outcomes),
            }
        )
    context = {
        "areas": dict(areas),
        "said": _said([standing.outcome for standing in asked]),
        "scans": len(scans),
        "may_manage": may_manage,
        "tabs": tabs(request, "compliance_checks"),
        "crumbs": crumbs(request, Crumb("Checks")),
    }
    return render(request, "compliance/checks.html", context)


@page
def check(request: ConsoleRequest, check_id: str) -> HttpResponse:
    """One check: what it proves and what not, what it answered, on what evidence."""
    known = find_check(check_id)
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        if known is None:
            raise NotFound
        results = results_of_check(tenant_id, check_id, SCANS)
        last = results[0] if results else None
        failing = last.items if last else []
        may_manage = may(request, "compliance.manage").allowed
    context = {
        "check": known,
        "last": last,
        "badge": outcome_badge(last.outcome if last else "never"),
        "results": [{"result": one, "badge": outcome_badge(one.outcome)} for one in results],
        "items": [_item(request, item) for item in failing[:MOST_ITEMS]],
        "more": max(len(failing) - MOST_ITEMS, 0),
        "evidence": [{"evidence": one, "url": evidence_url(request, one)} for one in last.evidence]
        if last
        else [],
        "controls": _controls(check_id),
        "may_manage": may_manage,
        "crumbs": crumbs(
            request, Crumb("Checks", address(request, "compliance_checks")), Crumb(check_id)
        ),
    }
    return render(request, "compliance/check.html", context)


@page
def frameworks(request: ConsoleRequest) -> HttpResponse:
    """Every framework with how much of it is proven."""
    outcomes = _outcomes(request)
    context = {
        "frameworks": [
            {"framework": one, "coverage": coverage(one, outcomes), "controls": len(one.controls)}
            for one in all_frameworks()
        ],
        "has_answers": bool(outcomes),
        "tabs": tabs(request, "compliance_frameworks"),
        "crumbs": crumbs(request, Crumb("Frameworks")),
    }
    return render(request, "compliance/frameworks.html", context)


@page
def framework(request: ConsoleRequest, framework_id: str) -> HttpResponse:
    """One framework, control by control: what is proven, and what is not."""
    outcomes = _outcomes(request)
    found = find_framework(framework_id)
    if found is None:
        raise NotFound
    counts = coverage(found, outcomes)
    context = {
        "framework": found,
        "said": _coverage_said(found, counts),
        "controls": [_control(control, outcomes) for control in found.controls],
        "crumbs": crumbs(
            request,
            Crumb("Frameworks", address(request, "compliance_frameworks")),
            Crumb(found.title),
        ),
    }
    return render(request, "compliance/framework.html", context)


def _outcomes(request: ConsoleRequest) -> dict[str, str]:
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        return outcomes_of(request.tenant.tenant_id)


def _trend(check_id: str, order: list[UUID], history: dict[tuple[UUID, str], str]) -> list[str]:
    """Outcomes of one check by scan, the oldest first; a scan without it is left out."""
    return [history[scan, check_id] for scan in order if (scan, check_id) in history]


def _told(outcomes: list[str]) -> str:
    words = [outcome_badge(outcome).word.lower() for outcome in outcomes]
    return f"The last {plural(len(words), 'scan', 'scans')}, oldest first: {', '.join(words)}"


def _said(outcomes: list[str]) -> str:
    asked = [outcome for outcome in outcomes if outcome != "never"]
    if not asked:
        return f"{len(outcomes)} checks are known; none was asked yet."
    passed, failed = asked.count("pass"), asked.count("fail")
    said = f"{passed} of {len(outcomes)} checks passed when last asked, {failed} failed"
    blind = asked.count("insufficient_evidence") + asked.count("error")
    return f"{said}; {blind} could not tell." if blind else f"{said}."


def _item(request: ConsoleRequest, item: dict[str, str]) -> dict[str, Any]:
    return {
        "item": item,
        "url": item_url(request, item["kind"], item["id"]),
        "finding_url": address(request, "compliance_finding", UUID(item["finding"])),
        "is_accepted": item["status"] == "accepted",
    }


def _controls(check_id: str) -> list[dict[str, Any]]:
    return [
        {
            "framework": one,
            "controls": [control for control in one.controls if check_id in control.checks],
        }
        for one in all_frameworks()
        if check_id in one.checks
    ]


def _coverage_said(found: Framework, counts: dict[str, int]) -> str:
    whole = len(found.controls)
    said = f"{counts['proven']} of {whole} controls are proven by checks, {counts['failing']} fail"
    rest = counts["partly"] + counts["not_proven"]
    return f"{said}; of {rest} nothing, or not all, is proven here."


def _control(control: Control, outcomes: dict[str, str]) -> dict[str, Any]:
    answers = []
    for check_id in control.checks:
        known = find_check(check_id)
        outcome = outcomes.get(check_id, "never") if known else "no_check_yet"
        title = known.title if known else planned_checks().get(check_id, check_id)
        answers.append(
            {"id": check_id, "title": title, "badge": outcome_badge(outcome), "known": bool(known)}
        )
    badge: Badge = coverage_badge(control.coverage(outcomes))
    return {"control": control, "badge": badge, "answers": answers}
