"""What compliance's states are called, and where the things are that findings are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from dashboards.navigation import exists
from dashboards.requests import ConsoleRequest, Crumb, address

OUTCOMES = {
    "pass": ("ok", "Passed"),
    "fail": ("bad", "Failed"),
    "not_applicable": ("", "Not applicable"),
    "insufficient_evidence": ("warn", "No evidence"),
    "error": ("bad", "Error"),
    "never": ("", "Never asked"),
    "no_check_yet": ("", "No check yet"),
}
TICKS = {"pass": "ok", "fail": "bad", "error": "bad", "insufficient_evidence": "warn"}
STATUSES = {
    "open": ("warn", "Open"),
    "in_progress": ("", "In progress"),
    "accepted": ("", "Accepted"),
    "resolved": ("ok", "Resolved"),
}
COVERAGE = {
    "proven": ("ok", "Proven"),
    "failing": ("bad", "Failing"),
    "partly": ("warn", "Partly"),
    "not_proven": ("", "Not proven"),
}
EVENTS = {
    "opened": "Found for the first time",
    "regressed": "Found again after it was resolved",
    "resolved": "No longer found",
    "exception_expired": "The exception passed its day; open again",
    "risk_accepted": "Risk accepted",
    "exception_withdrawn": "Exception withdrawn; open again",
    "changed": "Changed",
}
# Whose page shows what an item is about: kind -> (page, whether the item's id names it).
PAGES = {
    "member": "member",
    "agent": "agent",
    "policy": "policy",
    "namespace": "namespace",
    "hold": "hold",
    "backup": "backup",
}
PLACES = {
    "audit_index": "seals",
    "seal": "seals",
    "audit_log": "audit",
    "namespace_moment": "audit",
    "rule": "policies",
    "tenant": "members",
    "capacity": "capacity",
}


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as a badge."""

    tone: str
    word: str


def outcome_badge(outcome: str) -> Badge:
    return Badge(*OUTCOMES[outcome])


def status_badge(status: str, severity: str = "") -> Badge:
    """Only what is grave and open is loud."""
    if status == "open" and severity in {"critical", "high"}:
        return Badge("bad", STATUSES[status][1])
    return Badge(*STATUSES[status])


def coverage_badge(coverage: str) -> Badge:
    return Badge(*COVERAGE[coverage])


def item_url(request: ConsoleRequest, kind: str, item_id: str) -> str:
    """The page of what an item is about; empty where there is none."""
    page = PAGES.get(kind)
    named = item_id.partition("/")[0]
    if page and exists(page) and named:
        if page == "namespace":
            return address(request, page, named)
        try:
            return address(request, page, UUID(named))
        except ValueError:
            return ""
    place = PLACES.get(kind)
    return address(request, place) if place and exists(place) else ""


def evidence_url(request: ConsoleRequest, evidence: Mapping[str, Any]) -> str:
    """Where the evidence of a result can be looked at; empty where nowhere."""
    kind, evidence_id = evidence["kind"], str(evidence["id"])
    pages = {"record": "audit_record", "backup": "backup", "drill": "drill"}
    if kind == "seal":
        return address(request, "seals")
    if kind in pages and exists(pages[kind]):
        return address(request, pages[kind], UUID(evidence_id))
    return ""


def tabs(request: ConsoleRequest, current: str) -> list[dict[str, Any]]:
    """The pages of compliance beside each other."""
    pages = (
        ("compliance", "Findings"),
        ("compliance_checks", "Checks"),
        ("compliance_frameworks", "Frameworks"),
        ("compliance_report", "Report"),
    )
    return [
        {"title": title, "url": address(request, name), "is_here": name == current}
        for name, title in pages
    ]


def crumbs(request: ConsoleRequest, *rest: Crumb) -> list[Crumb]:
    if not rest:
        return [Crumb("Compliance")]
    return [Crumb("Compliance", address(request, "compliance")), *rest]


def tick_states(outcomes: Sequence[str], width: int) -> list[str]:
    """Bars of a history, the oldest first, as wide for a short one as for a long one."""
    states = [TICKS.get(outcome, "unknown") for outcome in outcomes]
    return ["unknown"] * (width - len(states)) + states


def day(at: date) -> str:
    """``5 Dec 2026``."""
    return f"{at.day} {at:%b %Y}"
