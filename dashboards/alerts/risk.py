"""The agents at risk, the worst first; and one agent's risk, for its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.risk.queries import Ranked, agents_at_risk, risk_of
from governance.risk.scoring import course
from stateward.kernel.clock import now
from stateward.kernel.errors import Forbidden
from stateward.tenancy.scope import tenant_scope

ROWS = 100
TONES = {"none": "ok", "low": "", "medium": "warn", "high": "bad"}
TERMS = {
    "denials": ("refusal", "refusals"),
    "errors": ("failed decision", "failed decisions"),
    "low_alerts": ("low alert", "low alerts"),
    "medium_alerts": ("medium alert", "medium alerts"),
    "high_alerts": ("high alert", "high alerts"),
    "critical_alerts": ("critical alert", "critical alerts"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A risk with what a page says of it. ``course``: the score of the last 24 hours."""

    ranked: Ranked
    tone: str
    reasons: list[tuple[str, float]]
    course: list[int]

    @property
    def score(self) -> int:
        return self.ranked.standing.score.score

    @property
    def level(self) -> str:
        return self.ranked.standing.score.level


@page
def risk(request: ConsoleRequest) -> HttpResponse:
    """Every agent of whom something was counted within a week."""
    with tenant_scope(request.tenant.tenant_id):
        found = agents_at_risk(request.actor, request.call, limit=ROWS)
    context = {
        "rows": [shown_of(one) for one in found],
        "said": _said(found),
        "crumbs": [Crumb("Alerts", address(request, "alerts")), Crumb("Agents at risk")],
    }
    return render(request, "alerts/risk.html", context)


def shown_of(one: Ranked) -> Shown:
    score = one.standing.score
    reasons = []
    for term in score.terms:
        single, many = TERMS[term.name]
        reasons.append((f"{term.count:,} {single if term.count == 1 else many}", term.points))
    return Shown(one, TONES[score.level], reasons, course(one.standing.hours, now()))


def risk_panel(request: ConsoleRequest, agent_id: UUID) -> dict[str, Any]:
    """What an agent's page shows of it; nothing to whoever reads no alerts."""
    try:
        with tenant_scope(request.tenant.tenant_id):
            found = risk_of(request.actor, request.call, agent_id)
    except Forbidden:
        return {}
    return {"risk": shown_of(found)}


def _said(found: Sequence[Ranked]) -> str:
    if not found:
        return "No agent was refused anything, or alerted of, within a week."
    worst = found[0]
    count = "1 agent has" if len(found) == 1 else f"{len(found)} agents have"
    return f"{count} a score; the worst, {worst.agent.name}, {worst.standing.score.score} of 100."
