"""API keys and tokens: C05, C06."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from governance.compliance.asking import rows
from governance.compliance.checks.people import WORKING
from governance.compliance.decisions import Decisions
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally
from governance.people.queries import limits_of
from stateward.gate.policy.vocabulary import ACTION_NAMES

AREA = "Credentials"

KEYS = f"""
SELECT c.id, c.key_id, c.label, c.created_at, c.expires_at, c.last_used_at,
    CASE WHEN c.agent_id IS NULL THEN 'member' ELSE 'agent' END, coalesce(c.agent_id, c.member_id),
    coalesce(a.name, nullif(p.name, ''), p.email), c.scopes
FROM stateward_credential c
LEFT JOIN stateward_agent a ON a.tenant_id = c.tenant_id AND a.id = c.agent_id
LEFT JOIN stateward_member m ON m.tenant_id = c.tenant_id AND m.id = c.member_id
LEFT JOIN stateward_person p ON p.id = m.person_id
WHERE c.tenant_id = %s AND {WORKING} ORDER BY c.id
"""


@check(
    "C05",
    "API keys expire, are not too old, and are used",
    area=AREA,
    severity="high",
    proves="Every working key has an end, lives no longer than allowed, and was used lately.",
    does_not_prove="That a key is kept safely where it is used.",
)
def keys_age_and_use(ground: Ground) -> Answer:
    allowed = limits_of(ground.tenant_id).most_credential_days
    oldest = min(ground.number("key_age_days"), allowed)
    tally = Tally("working key,working keys")
    for row in rows(KEYS, (ground.tenant_id,)):
        faults = _faults(ground, row, oldest)
        tally.add(_key_item(row, "; ".join(faults)) if faults else None)
    return tally.answer(
        "have an end, a fair age and recent use",
        "have no end, no fair age or no recent use",
        nothing="There is no working key.",
    )


def _faults(ground: Ground, row: tuple[Any, ...], oldest: int) -> list[str]:
    created, expires, used = row[3], row[4], row[5]
    unused = timedelta(days=ground.number("key_idle_days"))
    last: datetime = used or created
    faults = []
    if expires is None:
        faults.append("it never expires")
    if ground.now - created > timedelta(days=oldest):
        faults.append(f"it is older than {oldest} days")
    elif expires is not None and expires - created > timedelta(days=oldest, hours=1):
        faults.append(f"it is to live for more than {oldest} days")
    if ground.now - last > unused:
        faults.append(f"it was not used in {unused.days} days")
    return faults


@check(
    "C06",
    "No key names rights that its holder does not have",
    area=AREA,
    severity="medium",
    proves="Whatever a working key's scopes name, its holder may do to something: asked of the"
    " decision point for the tenant and every namespace.",
    does_not_prove="That the holder needs those rights. A key without scopes has its holder's"
    " rights and no more.",
)
def keys_within_rights(ground: Ground) -> Answer:
    decisions = Decisions(ground)
    tally = Tally("working key,working keys")
    for row in rows(KEYS, (ground.tenant_id,)):
        holder = decisions.principal(row[6], row[7])
        above = []
        if holder is not None and row[9] is not None:
            above = [
                scope
                for scope in sorted(row[9])
                if not any(decisions.may_somewhere(holder, action) for action in _actions(scope))
            ]
        said = f"Its holder may not {', '.join(above)} anywhere." if above else ""
        tally.add(_key_item(row, said) if above else None)
    return tally.answer(
        "stay within their holder's rights",
        "name rights that their holder does not have",
        nothing="There is no working key.",
    )


def _actions(scope: str) -> list[str]:
    return [action for action, names in ACTION_NAMES.items() if scope in names]


def _key_item(row: tuple[Any, ...], detail: str) -> Item:
    """A key is looked at on its holder's page: so its item names both."""
    label = f"Key {row[1]} of {row[8]}"
    detail = detail[:1].upper() + detail[1:].rstrip(".") + "."
    return Item(row[6], f"{row[7]}/{row[0]}", label, detail)
