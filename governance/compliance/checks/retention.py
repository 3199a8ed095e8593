"""How long state is kept, and what holds keep: C38, C39, C40."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from governance.compliance.asking import rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally, counted, not_applicable
from governance.retention.queries import rules_in_force, unruled_namespaces
from governance.retention.survey import Survey, ground, survey
from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration
from stateward.state.holds import Holds, hold_scope
from stateward.state.patterns import key_pattern
from stateward.tenancy.scope import run_flow

AREA = "Retention"

NAMESPACES = """
SELECT count(*) FROM stateward_namespace WHERE tenant_id = %s AND deleted_at IS NULL
"""
LATE_HOLDS = """
SELECT id, matter, namespace, key_pattern, custodian_id FROM stateward_hold
WHERE tenant_id = %s AND (released_at IS NULL OR released_at > %s) ORDER BY id
"""
# A hold is in force from its transaction's end: what is deleted within moments of its beginning
# may have been decided before.
SLACK = "interval '5 seconds'"
REACHED = "(h.namespace = '' OR n.name = h.namespace OR starts_with(n.name, h.namespace || '.'))"
DELETIONS = f"""
SELECT n.name, r.key, r.version, r.operation, r.at, h.id, h.matter, h.key_pattern
FROM stateward_hold h
JOIN stateward_namespace n ON n.tenant_id = h.tenant_id AND {REACHED}
JOIN stateward_revision r ON r.tenant_id = h.tenant_id AND r.namespace_id = n.id
    AND r.operation IN ('delete', 'expire', 'purge') AND r.at > h.placed_at + {SLACK}
    AND (h.released_at IS NULL OR r.at < h.released_at)
WHERE h.tenant_id = %s AND (h.custodian_id IS NULL OR EXISTS (
    SELECT FROM stateward_revision w
    WHERE w.tenant_id = h.tenant_id AND w.namespace_id = r.namespace_id AND w.key = r.key
      AND w.actor_id = h.custodian_id
      AND CASE r.operation WHEN 'purge' THEN w.version < r.version
          ELSE w.version = r.version - 1 END))
UNION ALL
SELECT n.name, '', 0, 'delete', n.deleted_at, h.id, h.matter, ''
FROM stateward_hold h
JOIN stateward_namespace n ON n.tenant_id = h.tenant_id AND {REACHED}
    AND n.deleted_at > h.placed_at + {SLACK}
    AND (h.released_at IS NULL OR n.deleted_at < h.released_at)
WHERE h.tenant_id = %s AND h.key_pattern = '' AND h.custodian_id IS NULL
ORDER BY 5, 1, 2
"""
HOLDS = "SELECT count(*) FROM stateward_hold WHERE tenant_id = %s"


@check(
    "C38",
    "Every namespace has a retention rule",
    area=AREA,
    severity="medium",
    proves="A rule in force, or about to be, is about each namespace as a whole.",
    does_not_prove="That the rule says the right thing, or that the law allows it.",
)
def namespaces_ruled(ground: Ground) -> Answer:
    tally = Tally("namespace,namespaces", population=rows(NAMESPACES, (ground.tenant_id,))[0][0])
    for name in unruled_namespaces(ground.tenant_id, ground.now):
        detail = "No retention rule is about it as a whole: what is in it is kept for ever."
        tally.fail(Item("namespace", name, name, detail))
    return tally.answer(
        "have a retention rule",
        "have no retention rule",
        nothing="The tenant has no namespace.",
    )


@check(
    "C39",
    "Nothing is kept past its date",
    area=AREA,
    severity="high",
    proves="By the rules and holds of that time, no entry was due for deletion longer ago than a"
    " sweep may take. Every key is looked at.",
    does_not_prove="Anything about copies in backups, which end with the backups.",
)
def nothing_overdue(ground: Ground) -> Answer:
    hours = ground.number("purge_grace_hours")
    past = ground.now - timedelta(hours=hours)
    rules = rules_in_force(ground.tenant_id, past)
    if not any(rule.terms.kind == "delete" for rule in rules):
        return not_applicable(f"No rule that deletes was in force {hours} hours ago.")
    found = run_flow(_overdue(ground, rules, past))
    tally = Tally("key,keys", population=found.looked_at)
    for namespace_id, share in sorted(found.by_namespace.items()):
        if share.due.entries:
            name = found.namespaces[namespace_id].name
            many = counted(share.due.entries, "entry is,entries are")
            detail = f"{many} more than {hours} hours past the date of a rule."
            tally.fail(Item("namespace", name, name, detail))
            tally.failing += share.due.entries - 1
    return tally.answer(
        f"were looked at; none is more than {hours} hours past its date",
        f"are more than {hours} hours past their date",
        nothing="The tenant holds nothing.",
    )


def _overdue(ground_: Ground, rules: list[Any], past: datetime) -> Flow[Survey]:
    """The survey as of ``past``, with every hold that was in force since."""
    configuration = yield from load_configuration(ground_.tenant_id, max_age=0)
    held = rows(LATE_HOLDS, (ground_.tenant_id, past))
    configuration = replace(configuration, holds=Holds(hold_scope(*row) for row in held))
    base = yield from ground(configuration, rules, past)
    return (yield from survey(base))


@check(
    "C40",
    "Nothing under a hold was deleted",
    area=AREA,
    severity="critical",
    proves="No deletion, expiry or purge on record, and no deletion of a namespace, falls into the"
    " time of a hold that covered it.",
    does_not_prove="Anything about the first five seconds of a hold, or about what was changed past"
    " this product, in the database itself (C18, C20).",
)
def holds_held(ground: Ground) -> Answer:
    holds = rows(HOLDS, (ground.tenant_id,))[0][0]
    tally = Tally("hold,holds", population=holds)
    broken = set()
    for row in rows(DELETIONS, (ground.tenant_id, ground.tenant_id)):
        name, key, version, operation, at, hold_id, matter, pattern = row
        if pattern and not key_pattern(pattern).matches(key):
            continue
        what = "A key" if key else "The namespace"
        detail = f"{what} in {name} was gone ({operation}) at {rfc3339(at)}, under the hold."
        item_id = f"{hold_id}/{name}/{version}/{rfc3339(at)}"
        tally.fail(Item("hold", item_id, f"Hold {matter}", detail))
        broken.add(hold_id)
    answer = tally.answer(
        "kept all that they cover",
        "kept not all that they cover",
        nothing="There was never a hold.",
    )
    if not broken:
        return answer
    noun = counted(holds, "hold,holds")
    return replace(answer, said=f"{tally.failing} deletions broke {len(broken)} of {noun}.")
