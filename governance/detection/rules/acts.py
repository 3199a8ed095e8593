"""Acts that are allowed one by one and odd together: walks along numbers, deletion in bulk or after
a hold, a program that turns in a circle, rules changed at night.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from governance.detection.rule import (
    Hit,
    Rule,
    Scene,
    Subject,
    Threshold,
    Thresholds,
    actor_of,
    hit_of,
    minutes,
    within,
)
from governance.detection.sightings import Sighting
from governance.detection.windows import by
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.scope import run_flow

NUMBERED = re.compile(r"^(.*?)(\d{1,18})$", re.ASCII | re.DOTALL)
SATURDAY = 5

# What each principal deleted within the window; values that retention takes away are not among it.
DELETED = """
SELECT r.actor_type, r.actor_id, count(*), min(r.at), max(r.at)
FROM stateward_audit_record r
WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.outcome = 'allow'
  AND r.action IN ('state.delete', 'state.purge') AND r.actor_type <> 'system'
GROUP BY 1, 2 HAVING count(*) >= %(least)s
"""
# Writes of one entry by one agent: the busiest minute of each since the last look.
CIRCLES = """
SELECT g.actor_id, g.namespace_id, max(g.number), min(g.begun), max(g.ended), count(*)
FROM (
    SELECT r.actor_id, r.namespace_id, r.entry_key, count(*) AS number, min(r.at) AS begun,
        max(r.at) AS ended
    FROM stateward_audit_record r
    WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.actor_type = 'agent'
      AND r.outcome = 'allow' AND r.action = 'state.write' AND r.entry_key IS NOT NULL
    GROUP BY r.actor_id, r.namespace_id, r.entry_key, date_trunc('minute', r.at)
    HAVING count(*) >= %(least)s
) g GROUP BY g.actor_id, g.namespace_id
"""
# Deletions in what a hold kept that was released within the days given, since the last look.
AFTER_HOLDS = """
SELECT h.id, h.matter, h.released_at, h.released_by_name, count(*), max(r.at)
FROM stateward_hold h
JOIN stateward_namespace n ON n.tenant_id = h.tenant_id AND (h.namespace = ''
    OR n.name = h.namespace OR starts_with(n.name, h.namespace || '.'))
JOIN stateward_audit_record r ON r.tenant_id = h.tenant_id AND r.namespace_id = n.id
    AND r.at >= greatest(%(since)s, h.released_at) AND r.outcome = 'allow'
    AND r.action IN ('state.delete', 'state.purge', 'namespace.delete')
WHERE h.tenant_id = %(tenant)s AND h.released_at > %(until)s - make_interval(days => %(days)s)
GROUP BY h.id
"""


def walked(found: Sequence[Sighting], at_least: int) -> list[Sighting]:
    """Those that lie in a row of at least so many neighbouring numbers behind the same text."""
    places: dict[str, dict[int, Sighting]] = {}
    for one in found:
        name = one.key or one.resource_id
        if (match := NUMBERED.match(name)) is not None:
            places.setdefault(match[1], {})[int(match[2])] = one
    taken: list[Sighting] = []
    for numbers in places.values():
        row: list[int] = []
        for number in [*sorted(numbers), None]:
            if number is None or (row and number != row[-1] + 1):
                taken += [numbers[each] for each in row] if len(row) >= at_least else []
                row = []
            if number is not None:
                row.append(number)
    return taken


def _walks(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    begin = scene.span.until - within(thresholds)
    refused = (
        one
        for one in scene.sightings
        if one.is_denied and one.actor_type != "system" and one.at >= begin
    )
    for subject, found in by(actor_of, refused).items():
        taken = walked(found, thresholds["numbers"])
        if any(one.is_new for one in taken):
            yield hit_of(subject, taken, _walked, actor=subject.id, outcome="deny")


def _at_night(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    first, last = thresholds["first_hour"], thresholds["last_hour"]
    odd = [
        one
        for one in scene.of("policy.activate", outcome="allow")
        if one.is_new and one.actor_type == "member" and is_odd(one.at, first, last)
    ]
    for subject, found in by(actor_of, odd).items():
        yield hit_of(subject, found, _activated, actor=subject.id, action="policy.activate")


def is_odd(moment: datetime, first: int, last: int) -> bool:
    """Whether a moment lies outside the working hours, or on a weekend. UTC."""
    return not first <= moment.hour < last or moment.weekday() >= SATURDAY


def _deleting(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    since = scene.span.until - within(thresholds)
    asked = {"tenant": scene.tenant_id, "since": since, "least": thresholds["deletions"]}
    for kind, actor, number, begun, ended in run_flow(_rows(DELETED, asked)):
        about = Subject(kind, str(actor))
        asks = {"actor": str(actor), "action": "state.delete"}
        yield Hit(about, _deleted, begun, ended, count=number, asks=asks, is_episode=True)


def _circling(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    since = scene.span.since.replace(second=0, microsecond=0)
    asked = {"tenant": scene.tenant_id, "since": since, "least": thresholds["writes"]}
    worst: dict[str, tuple[Any, ...]] = {}
    for actor, *row in run_flow(_rows(CIRCLES, asked)):
        if str(actor) not in worst or row[1] > worst[str(actor)][1]:
            worst[str(actor)] = tuple(row)
    for name, (_, number, begun, ended, _) in worst.items():
        asks = {"actor": name, "action": "state.write"}
        about = Subject("agent", name)
        yield Hit(about, _turned, begun, ended, count=number, asks=asks, is_episode=True)


def _after_holds(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    asked = {
        "tenant": scene.tenant_id, "since": scene.span.since, "until": scene.span.until,
        "days": thresholds["days"],
    }  # fmt: skip
    for hold, matter, released, by_whom, number, last in run_flow(_rows(AFTER_HOLDS, asked)):
        about = Subject("hold", str(hold), matter)
        says = _released(by_whom)
        yield Hit(about, says, released, last, count=number, is_episode=True)


def _rows(sql: str, asked: dict[str, Any]) -> Flow[list[tuple[Any, ...]]]:
    return (yield Statement(sql, asked))


def _walked(name: str, count: int) -> str:
    return f"{name} asked for {count:,} things one number after the other, and was refused."


def _activated(name: str, count: int) -> str:
    policies = "a policy" if count == 1 else f"{count:,} policies"
    return f"{name} put {policies} in force outside working hours."


def _deleted(name: str, count: int) -> str:
    return f"{name} deleted {count:,} entries in a short time."


def _turned(name: str, count: int) -> str:
    return f"{name} wrote one entry {count:,} times within a minute: it may turn in a circle."


def _released(by_whom: str) -> Any:
    def says(name: str, count: int) -> str:
        entries = "1 entry was" if count == 1 else f"{count:,} entries were"
        return f"{entries} deleted where {name} had held them, after {by_whom} released it."

    return says


RULES = (
    Rule(
        "numbered_walk",
        10,
        "Numbers are tried one after the other",
        "Whoever counts through keys looks for those that open.",
        "Look at what it asked for. Pause the agent if that is not its work.",
        "high",
        ("API1:2023", "ASI02"),
        (Threshold("numbers", "Neighbouring numbers refused", 8, 3, 1_000), minutes(30)),
        _walks,
    ),
    Rule(
        "policy_at_night",
        15,
        "A policy is put in force outside working hours",
        "Rules are changed when nobody looks, and changed back.",
        "Ask who did. Roll it back where nobody knows; hours are UTC.",
        "low",
        ("API5:2023", "ASI03"),
        (
            Threshold("first_hour", "Working hours begin (UTC)", 6, 0, 23),
            Threshold("last_hour", "Working hours end (UTC)", 20, 1, 24),
        ),
        _at_night,
    ),
    Rule(
        "bulk_deletion",
        18,
        "Much is deleted at once",
        "Deletion in bulk is how traces go, and how mistakes grow.",
        "Put the agent in quarantine and roll back what it deleted; restore what a person deleted.",
        "high",
        ("API6:2023", "ASI10"),
        (Threshold("deletions", "Entries deleted", 200, 10, 10_000_000), minutes(10)),
        _deleting,
    ),
    Rule(
        "deletion_after_hold",
        19,
        "What a hold kept is deleted soon after its release",
        "A hold is released so that something can go.",
        "Ask who released it what for. What was deleted can be restored while its history is kept.",
        "medium",
        ("ASI09",),
        (Threshold("days", "Days after the release", 7, 1, 90),),
        _after_holds,
        interval=timedelta(minutes=5),
    ),
    Rule(
        "runaway_agent",
        26,
        "An agent writes one entry again and again",
        "A loop that nobody ends costs more each minute, and buries what others wrote.",
        "Pause the agent, and look at its newest run.",
        "medium",
        ("ASI08", "ASI10"),
        (Threshold("writes", "Writes of one entry within a minute", 300, 20, 1_000_000),),
        _circling,
    ),
)
