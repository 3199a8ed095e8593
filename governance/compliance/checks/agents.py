"""Agents as somebody must answer for them: C25, C26."""

from __future__ import annotations

from datetime import timedelta

from governance.compliance.asking import rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Evidence, Item, Tally
from stateward.tenancy.models import RISK_CLASSES

AREA = "Agents"

DESCRIBED = """
SELECT a.id, a.name, a.purpose, a.risk_class, a.owner_id, coalesce(m.is_active AND p.is_active, false)
FROM stateward_agent a
LEFT JOIN stateward_member m ON m.tenant_id = a.tenant_id AND m.id = a.owner_id
LEFT JOIN stateward_person p ON p.id = m.person_id
WHERE a.tenant_id = %s AND a.status <> 'retired' ORDER BY a.id
"""  # noqa: E501  # one select list
# A pause and what followed it, from the audit: who is paused now was certainly paused.
PAUSED = """
SELECT a.id, a.name, last.at, last.id
FROM stateward_agent a
LEFT JOIN LATERAL (
    SELECT r.at, r.id FROM stateward_audit_record r
    WHERE r.tenant_id = a.tenant_id AND r.action = 'agent.manage' AND r.resource_id = a.id::text
      AND r.resource_type = 'agent' AND r.outcome = 'allow' AND r.at >= %s
      AND convert_from(r.record, 'UTF8')::jsonb #>> '{details,event}' = 'agent.paused'
    ORDER BY r.at DESC LIMIT 1) last ON true
WHERE a.tenant_id = %s AND a.status <> 'retired' AND a.risk_class = 'high' ORDER BY a.id
"""


@check(
    "C25",
    "Every agent has an owner, a purpose and a risk class",
    area=AREA,
    severity="medium",
    proves="Each agent that is not retired names an active member who answers for it, what it is"
    " for, and how risky it is.",
    does_not_prove="That what is written there is true, or that its owner watches it.",
)
def agents_described(ground: Ground) -> Answer:
    tally = Tally("agent,agents")
    for row in rows(DESCRIBED, (ground.tenant_id,)):
        agent_id, name, purpose, risk_class, owner_id, owner_is_active = row
        missing = []
        if owner_id is None:
            missing.append("no owner")
        elif not owner_is_active:
            missing.append("an owner who is no longer active")
        if not purpose.strip():
            missing.append("no purpose")
        if risk_class not in RISK_CLASSES:
            missing.append("no risk class")
        detail = f"It has {', '.join(missing)}."
        tally.add(Item("agent", str(agent_id), name, detail) if missing else None)
    return tally.answer(
        "are fully described", "are not fully described", nothing="The tenant has no agent."
    )


@check(
    "C26",
    "Pausing was tried on every high-risk agent",
    area=AREA,
    severity="medium",
    proves="The audit holds a pause of each high-risk agent within the allowed days.",
    does_not_prove="That whoever must pause it in an emergency knows how.",
)
def pause_tried(ground: Ground) -> Answer:
    days = ground.number("pause_test_days")
    since = ground.now - timedelta(days=days)
    tally = Tally("high-risk agent,high-risk agents")
    for agent_id, name, at, record_id in rows(PAUSED, (since, ground.tenant_id)):
        detail = f"No pause of it is on record in the last {days} days."
        tally.add(None if record_id else Item("agent", str(agent_id), name, detail))
        if record_id:
            tally.evidence.append(Evidence("record", str(record_id), f"{name} paused, {at:%d %b}"))
    return tally.answer(
        f"were paused in the last {days} days",
        f"were not paused in the last {days} days",
        nothing="No agent is of high risk.",
    )
