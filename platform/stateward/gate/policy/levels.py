"""How firmly a policy in force decides.

``hard`` decides. ``soft`` decides, but two people may agree to an exception for a time (an
*override*). ``advisory`` lets pass and warns, in the record and in explanations. ``shadow``
only notes in the record what it would have changed. The last three are asked beside the rules that
decide, as if each of them permitted: so Cedar names every one that matches, and none of them can
hide another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from stateward.gate.policy.facts import EntityFacts, Uid
    from stateward.gate.policy.rules import Rule
    from stateward.gate.policy.slices import Answer

Level = Literal["shadow", "advisory", "soft", "hard"]
LEVELS: tuple[Level, ...] = ("shadow", "advisory", "soft", "hard")
DECIDING = frozenset({"soft", "hard"})


@dataclass(frozen=True, slots=True)
class Override:
    """An exception from a soft policy: one principal, action and place, until a time."""

    id: str
    policy_id: str
    principal: Uid
    action: str
    resource: Uid  # this, and all that lies beneath it
    ends_at: datetime

    def covers(
        self, rule: Rule, principal: EntityFacts, action: str, resource: EntityFacts
    ) -> bool:
        return (
            self.policy_id == rule.source.id
            and self.principal == principal.uid
            and self.action == action
            and self.resource in (resource.uid, *resource.parents)
        )


class Beside(NamedTuple):
    """What the rules that do not simply decide say of a request."""

    soft: tuple[Rule, ...] = ()  # forbids that hold, and no override covers
    failed: tuple[tuple[Rule, str], ...] = ()  # soft ones that could not be evaluated
    advised: tuple[str, ...] = ()
    shadow: tuple[Rule, ...] = ()
    overridden: tuple[Override, ...] = ()


def weigh(
    answer: Answer,
    overrides: Iterable[Override],
    asked: tuple[EntityFacts, str, EntityFacts],
) -> Beside:
    """``overrides``: those that have not ended."""
    known = tuple(overrides)
    soft: list[Rule] = []
    used: list[Override] = []
    for rule in answer.matched:
        if rule.source.level == "soft" and rule.is_forbid:
            covering = [one for one in known if one.covers(rule, *asked)]
            if covering:
                used.append(max(covering, key=lambda one: one.ends_at))
            else:
                soft.append(rule)
    advised = [one.label for one in answer.matched if one.source.level == "advisory"]
    return Beside(
        tuple(soft),
        tuple(pair for pair in answer.failed if pair[0].source.level == "soft"),
        tuple(sorted(advised)),
        tuple(one for one in answer.matched if one.source.level == "shadow"),
        tuple(dict.fromkeys(used)),
    )
