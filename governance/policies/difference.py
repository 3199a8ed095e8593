"""What a new version means beside an old one: subjects, actions, resources and conditions that
come and go, statement by statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from governance.policies.shapes import Shape, shape_of
from stateward.gate.policy.statements import Conjunct, Statement, parse
from stateward.gate.policy.tokens import TextFault
from stateward.gate.policy.vocabulary import ACTIONS

Kind = Literal["added", "removed", "changed"]
Direction = Literal["wider", "narrower", "other"]
KINDS: tuple[Kind, ...] = ("added", "removed", "changed")
DIRECTIONS: tuple[Direction, ...] = ("wider", "narrower", "other")


@dataclass(frozen=True, slots=True)
class Change:
    """One statement's change. ``reach``: whether it matches more requests now, fewer, or others."""

    kind: Kind
    effect: Literal["permit", "forbid"]
    reach: Direction
    subject: tuple[str | None, str | None]  # before, after; as written
    resource: tuple[str | None, str | None]
    actions_added: tuple[str, ...]
    actions_removed: tuple[str, ...]
    conditions_added: tuple[str, ...]
    conditions_removed: tuple[str, ...]

    @property
    def opens(self) -> bool:
        """Whether somebody may now do what they could not before, as far as this statement goes."""
        return self.reach == ("wider" if self.effect == "permit" else "narrower")

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "effect": self.effect,
            "reach": self.reach,
            "subject": {"before": self.subject[0], "after": self.subject[1]},
            "resource": {"before": self.resource[0], "after": self.resource[1]},
            "actions_added": list(self.actions_added),
            "actions_removed": list(self.actions_removed),
            "conditions_added": list(self.conditions_added),
            "conditions_removed": list(self.conditions_removed),
        }


@dataclass(frozen=True, slots=True)
class _Side:
    statement: Statement
    shape: Shape
    conditions: frozenset[str]  # as written, white space apart

    def likeness(self, other: _Side) -> int:
        mine, theirs = self.statement.parts[:2], other.statement.parts[:2]
        alike = sum(a == b for a, b in zip(mine, theirs, strict=True)) * 2
        alike += 2 * bool(self.shape.actions & other.shape.actions)
        return alike + len(self.conditions & other.conditions)


def difference(before: str, after: str) -> list[Change]:
    """In the order of the new text, what went last; nothing for a text that does not parse."""
    old, new = _sides(before), _sides(after)
    same = {one.shape for one in old} & {one.shape for one in new}
    old = [one for one in old if one.shape not in same]
    new = [one for one in new if one.shape not in same]
    changes = []
    for side in new:
        partner = _partner(side, old)
        if partner is not None:
            old.remove(partner)
        changes.append(_change(partner, side))
    return changes + [_change(side, None) for side in old]


def _sides(text: str) -> list[_Side]:
    found = parse(text) if text else ()
    if isinstance(found, TextFault):
        return []
    return [_Side(one, shape_of(one), _written(one.conjuncts)) for one in found]


def _partner(side: _Side, others: Sequence[_Side]) -> _Side | None:
    """The one of the same effect that is most like it, where anything is."""
    fitting = [one for one in others if one.shape.effect == side.shape.effect]
    best = max(fitting, key=side.likeness, default=None)
    return best if best is not None and side.likeness(best) > 0 else None


def _change(before: _Side | None, after: _Side | None) -> Change:
    known = after or before
    assert known is not None  # noqa: S101  # one of them is there
    old_actions = before.shape.actions if before else frozenset()
    new_actions = after.shape.actions if after else frozenset()
    old_conditions = before.conditions if before else frozenset()
    new_conditions = after.conditions if after else frozenset()
    return Change(
        "changed" if before and after else "added" if after else "removed",
        known.shape.effect,
        _reach(before, after),
        (_part(before, 0), _part(after, 0)),
        (_part(before, 1), _part(after, 1)),
        _ordered(new_actions - old_actions),
        _ordered(old_actions - new_actions),
        tuple(sorted(new_conditions - old_conditions)),
        tuple(sorted(old_conditions - new_conditions)),
    )


def _part(side: _Side | None, number: int) -> str | None:
    return side.statement.parts[number] if side else None


def _reach(before: _Side | None, after: _Side | None) -> Direction:
    if before is None:
        return "wider"
    if after is None:
        return "narrower"
    wider, narrower = after.shape.covers(before.shape), before.shape.covers(after.shape)
    if wider is narrower:
        return "other"
    return "wider" if wider else "narrower"


def _ordered(actions: frozenset[str]) -> tuple[str, ...]:
    return tuple(action for action in ACTIONS if action in actions)


def _written(conjuncts: Sequence[Conjunct]) -> frozenset[str]:
    return frozenset(
        ("unless " if one.negated else "when ") + " ".join(one.text.split()) for one in conjuncts
    )
