"""What a check answers: plain values, no database.

A check never says more than it looked at. ``insufficient_evidence`` means that what it would look
at is not there; ``error`` that looking failed. Neither is a pass, and neither resolves a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["pass", "fail", "not_applicable", "insufficient_evidence", "error"]
Severity = Literal["critical", "high", "medium", "low"]
MAX_ITEMS = 1_000  # failing items that are listed and become findings
MAX_EVIDENCE = 100
MAX_TEXT = 300
SINGULAR = {"are": "is", "were": "was", "have": "has"}  # of the verbs that the sentences use
SINGULAR |= {verb: f"{verb}s" for verb in ("hold", "stay", "name", "keep", "exceed", "show")}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that fails. ``kind`` and ``id`` say what it is, for a link; ``id`` names the same
    thing in every scan.
    """

    kind: str
    id: str
    label: str
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "id": self.id, "label": self.label, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer rests on: an audit record, a seal, a backup, a drill."""

    kind: str
    id: str
    said: str = ""

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "id": self.id, "said": self.said}


@dataclass(frozen=True, slots=True)
class Answer:
    """A check's result before it is stored. ``failing`` counts all, ``items`` lists the first."""

    outcome: Outcome
    said: str
    population: int | None = None
    failing: int = 0
    items: tuple[Item, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    position: dict[str, Any] | None = None

    @property
    def is_conclusive(self) -> bool:
        """Whether what is not listed is known not to fail."""
        return self.outcome in {"pass", "fail", "not_applicable"} and self.failing <= MAX_ITEMS


@dataclass(slots=True)
class Tally:
    """Counts a population and collects what fails of it; ``answer`` makes the result."""

    noun: str  # "member,members"
    population: int = 0
    failing: int = 0
    items: list[Item] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, item: Item | None) -> None:
        """One of the population, with the item where it fails."""
        self.population += 1
        if item is not None:
            self.fail(item)

    def fail(self, item: Item) -> None:
        self.failing += 1
        if len(self.items) < MAX_ITEMS:
            self.items.append(_cut(item))

    def answer(
        self, good: str, bad: str, *, nothing: str, position: dict[str, Any] | None = None
    ) -> Answer:
        """``good`` and ``bad`` are said of many, verb first ("are paused"), and follow "12 agents"
        and "3 of 12 agents"; ``nothing`` is the sentence where there is none of the kind.
        """
        if not self.population and not self.failing:
            return Answer("not_applicable", nothing, 0, position=position)
        if not self.failing:
            said = f"{counted(self.population, self.noun)} {said_of(self.population, good)}."
            return self._made("pass", said, position)
        many = self.noun.split(",")[1]
        said = f"{self.failing:,} of {self.population:,} {many} {said_of(self.failing, bad)}."
        return self._made("fail", said, position)

    def _made(self, outcome: Outcome, said: str, position: dict[str, Any] | None) -> Answer:
        return Answer(
            outcome,
            said,
            self.population,
            self.failing,
            tuple(self.items),
            tuple(self.evidence[:MAX_EVIDENCE]),
            position,
        )


def counted(number: int, noun: str) -> str:
    """``1 member``, ``12 members``."""
    one, many = noun.split(",")
    return f"{number:,} {one if number == 1 else many}"


def said_of(number: int, phrase: str) -> str:
    """The phrase, its verb in the singular where it is about one."""
    verb, _, rest = phrase.partition(" ")
    return f"{SINGULAR.get(verb, verb)} {rest}" if number == 1 else phrase


def insufficient(why: str) -> Answer:
    """What would have to be looked at is not there."""
    return Answer("insufficient_evidence", why)


def not_applicable(why: str) -> Answer:
    return Answer("not_applicable", why, 0)


def failed(said: str, items: Sequence[Item], population: int) -> Answer:
    return Answer("fail", said, population, len(items), tuple(map(_cut, items[:MAX_ITEMS])))


def _cut(item: Item) -> Item:
    return Item(item.kind, item.id[:MAX_TEXT], item.label[:MAX_TEXT], item.detail[:2_000])
