"""Who holds rights that should be apart: C08."""

from __future__ import annotations

from typing import Any

from governance.compliance.asking import rows
from governance.compliance.decisions import Decisions
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally
from stateward.tenancy.actors import Actor

AREA = "Rights"

PRINCIPALS = """
SELECT 'member', m.id, coalesce(nullif(p.name, ''), p.email), m.roles
FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s AND m.is_active AND p.is_active
UNION ALL
SELECT 'agent', a.id, a.name, a.roles FROM stateward_agent a
WHERE a.tenant_id = %s AND a.status <> 'retired'
ORDER BY 1, 2
"""


@check(
    "C08",
    "Nobody holds a toxic pair of rights",
    area=AREA,
    severity="high",
    proves="Asked of the decision point for every active member and agent: none may do both actions"
    " of any toxic pair.",
    does_not_prove="That two people do not act together. Owners may do everything by design: each"
    " is a finding that somebody accepts, with a reason and an end.",
)
def toxic_pairs(ground: Ground) -> Answer:
    decisions = Decisions(ground)
    tally = Tally("active principal,active principals")
    for kind, principal_id, name, roles in rows(PRINCIPALS, (ground.tenant_id, ground.tenant_id)):
        actor = decisions.principal(kind, principal_id)
        held = _held(decisions, actor, ground.thresholds["toxic_pairs"]) if actor else []
        detail = f"May do {'; '.join(held)}. Roles: {', '.join(roles)}."
        tally.add(Item(kind, str(principal_id), name, detail) if held else None)
    return tally.answer(
        "hold no toxic pair of rights",
        "hold a toxic pair of rights",
        nothing="The tenant has no active principal.",
    )


def _held(decisions: Decisions, actor: Actor, pairs: list[Any]) -> list[str]:
    return [
        f"{first} and {second}"
        for first, second in pairs
        if decisions.may_somewhere(actor, first) and decisions.may_somewhere(actor, second)
    ]
