"""The tenant's own policies: C14, C17."""

from __future__ import annotations

from datetime import timedelta

from governance.compliance.asking import rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally

AREA = "Policies"

# What is in force, who wrote it, who put it in force, and when somebody last did either.
IN_FORCE = """
SELECT p.id, p.name, v.number, v.author_type, v.author_id, v.author_name, v.created_at,
    a.actor_type, a.actor_id, a.actor_name, a.at
FROM stateward_policy p
JOIN stateward_policy_version v
    ON v.tenant_id = p.tenant_id AND v.policy_id = p.id AND v.number = p.active_version
LEFT JOIN LATERAL (
    SELECT actor_type, actor_id, actor_name, at FROM stateward_policy_activation x
    WHERE x.tenant_id = p.tenant_id AND x.policy_id = p.id AND x.to_version = p.active_version
    ORDER BY x.id DESC LIMIT 1) a ON true
WHERE p.tenant_id = %s ORDER BY p.id
"""
NOTHING = "No policy of the tenant's own is in force."


@check(
    "C14",
    "Every policy in force was put there by somebody other than its author",
    area=AREA,
    severity="high",
    proves="The version in force of each policy was written by one principal and activated by"
    " another, by the versions and activations on record.",
    does_not_prove="That whoever activated it had read it: there is no approval step yet.",
)
def second_pair_of_eyes(ground: Ground) -> Answer:
    tally = Tally("policy in force,policies in force")
    for row in rows(IN_FORCE, (ground.tenant_id,)):
        policy_id, name, number, _, author_id, author = row[:6]
        activator_id, activator = row[8], row[9]
        detail = ""
        if activator_id is None:
            detail = f"Version {number} is in force, and no activation of it is on record."
        elif activator_id == author_id:
            detail = f"Version {number} was written and put in force by {author}."
        bad = Item("policy", str(policy_id), name, detail)
        tally.add(bad if activator is None or activator_id == author_id else None)
    return tally.answer(
        "were put in force by somebody other than the author",
        "were put in force by the author",
        nothing=NOTHING,
    )


@check(
    "C17",
    "Policies in force were looked at lately",
    area=AREA,
    severity="low",
    proves="Each policy in force was written or put in force within the allowed days.",
    does_not_prove="That nobody changed what it is about since then.",
)
def policies_reviewed(ground: Ground) -> Answer:
    days = ground.number("policy_review_days")
    since = ground.now - timedelta(days=days)
    tally = Tally("policy in force,policies in force")
    for row in rows(IN_FORCE, (ground.tenant_id,)):
        last = max(moment for moment in (row[6], row[10]) if moment is not None)
        detail = f"Last written or put in force on {last:%d %b %Y}; at most {days} days ago."
        tally.add(Item("policy", str(row[0]), row[1], detail) if last < since else None)
    return tally.answer(
        f"were looked at in the last {days} days",
        f"were not looked at for more than {days} days",
        nothing=NOTHING,
    )
