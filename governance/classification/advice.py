"""What findings speak for: plain Python.

Each kind asks for a least classification. Kinds that were found surely enough in entries enough,
as the namespace's rule has it, are counted; the highest classification they ask for is the advice,
if it is above the namespace's own. Nothing ever advises to lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from stateward.state.detectors.kinds import KINDS, NAMES, kinds_of
from stateward.state.models import CLASSIFICATIONS

MIN_SCORE, MIN_ENTRIES = 60, 1
RANK = {name: place for place, name in enumerate(CLASSIFICATIONS)}


class Tally(NamedTuple):
    """What was found of one kind in one namespace. ``score``: of the surest finding, percent."""

    kind: str
    entries: int
    findings: int
    score: int


class Wanted(NamedTuple):
    """What a rule says of a namespace."""

    kinds: frozenset[str] = frozenset(NAMES)
    min_score: int = MIN_SCORE
    min_entries: int = MIN_ENTRIES
    acts: str = "suggest"
    follows: bool = False
    sample_percent: int = 100


class Advice(NamedTuple):
    """To keep a namespace more closely; ``kinds`` speak for it, the surest first."""

    to: str
    score: int
    kinds: tuple[Tally, ...]

    def as_json(self) -> list[dict[str, Any]]:
        return [one._asdict() for one in self.kinds]


def wanted_of(kinds: Sequence[str], **fields: Any) -> Wanted:
    return Wanted(kinds=kinds_of(frozenset(kinds)) if kinds else frozenset(NAMES), **fields)


def advise(classification: str, tallies: Iterable[Tally], wanted: Wanted) -> Advice | None:
    """What to keep the namespace as; None where it is kept closely enough."""
    own = RANK.get(classification, 0)
    speaking = [
        one
        for one in tallies
        if one.kind in wanted.kinds
        and one.score >= wanted.min_score
        and one.entries >= wanted.min_entries
        and RANK[KINDS[one.kind].asks_for] > own
    ]
    if not speaking:
        return None
    to = max((KINDS[one.kind].asks_for for one in speaking), key=RANK.__getitem__)
    score = max(one.score for one in speaking if KINDS[one.kind].asks_for == to)
    ordered = sorted(speaking, key=lambda one: (-one.score, -one.entries, one.kind))
    return Advice(to, score, tuple(ordered))


def says_more(advice: Advice, dismissed_to: str, dismissed_kinds: Iterable[str]) -> bool:
    """Whether advice goes beyond what somebody has dismissed: a higher classification, or another
    kind.
    """
    known = set(dismissed_kinds)
    return RANK[advice.to] > RANK[dismissed_to] or any(
        one.kind not in known for one in advice.kinds
    )


def governing(namespace: str, rules: Iterable[tuple[str, Any]]) -> Any | None:
    """Of rules by the names they are about, the one of the longest name that is ``namespace`` or
    above it.
    """
    fitting = [
        (name, rule)
        for name, rule in rules
        if not name or name == namespace or namespace.startswith(f"{name}.")
    ]
    return max(fitting, key=lambda one: len(one[0]))[1] if fitting else None


def collapsed(pointer: str) -> str:
    """``/passengers/0/dob`` → ``/passengers/*/dob``: places in a list are one."""
    return "/".join("*" if step.isdigit() else step for step in pointer.split("/"))
