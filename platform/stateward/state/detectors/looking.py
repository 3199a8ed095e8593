"""Going through a value: names of members, texts, and JSON that a text holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stateward.kernel import clock
from stateward.state.detectors.kinds import MASK, Finding, Found
from stateward.state.detectors.names import hint_of, word_of, words_of
from stateward.state.detectors.numbers import is_card
from stateward.state.detectors.texts import look_at

MOST_PARTS = 20_000  # members and items of one value
MOST_CHARACTERS = 1_000_000  # of all its texts
MOST_FINDINGS = 2_000
MOST_DEPTH = 64
MOST_HELD = 200_000  # characters of a text that is read as JSON
PIECE = 16_000
OVERLAP = 400  # what lies across two pieces and is shorter is still seen
LONGEST_KEY = 300
_MASK = re.compile(rf"{MASK}[a-z_ ]{{1,40}}›")


@dataclass(slots=True)
class Budget:
    """How much of one value is looked at."""

    parts: int = MOST_PARTS
    characters: int = MOST_CHARACTERS
    is_spent: bool = False

    def part(self) -> bool:
        self.parts -= 1
        self.is_spent |= self.parts < 0
        return self.parts >= 0

    def text(self, text: str) -> bool:
        self.characters -= len(text)
        self.is_spent |= self.characters < 0
        return self.characters >= 0


@dataclass(slots=True)
class _Place:
    """Where a value stands, and what is around it."""

    pointer: str = ""
    word: str = ""  # of the member it is
    beside: frozenset[str] = frozenset()
    parent: str = ""  # of the member that holds it
    within: str | None = None  # a pointer into JSON held by the text at ``pointer``
    depth: int = 0

    def member(self, name: str, beside: frozenset[str]) -> _Place:
        word = word_of(name)
        return self._at(_escaped(name), word, beside, self.word or self.parent)

    def item(self, number: int) -> _Place:
        return self._at(str(number), self.word, self.beside, self.parent)

    def _at(self, step: str, word: str, beside: frozenset[str], parent: str) -> _Place:
        if self.within is None:
            return _Place(f"{self.pointer}/{step}", word, beside, parent, None, self.depth + 1)
        within = f"{self.within}/{step}"
        return _Place(self.pointer, word, beside, parent, within, self.depth + 1)


@dataclass(slots=True)
class _Search:
    today: date
    budget: Budget
    findings: list[Finding] = field(default_factory=list)

    def look(self, value: Any, place: _Place) -> None:
        if not self.budget.part() or len(self.findings) >= MOST_FINDINGS:
            self.budget.is_spent = True
            return
        if place.depth > MOST_DEPTH:
            self.budget.is_spent |= isinstance(value, dict | list)
            return
        if isinstance(value, Mapping):
            self._object(value, place)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self.look(item, place.item(number))
        else:
            self._leaf(value, place)

    def _object(self, value: Mapping[str, Any], place: _Place) -> None:
        beside = words_of(value.keys())
        for name, item in value.items():
            inner = place.member(name, beside)
            self._name(name, inner)
            self.look(item, inner)

    def _name(self, name: str, place: _Place) -> None:
        """A member may be called by what is looked for: payments by their ids."""
        if len(name) > LONGEST_KEY or not self.budget.text(name):
            return
        for one in look_at(name, place.pointer, place.within or ""):
            self.findings.append(one._replace(is_name=True))

    def _leaf(self, value: Any, place: _Place) -> None:
        if isinstance(value, str) and value.startswith(MASK) and _MASK.fullmatch(value):
            return
        hint = hint_of(place.word, value, place.beside, place.parent, self.today)
        if hint is not None:
            whole = Finding(hint.kind, place.pointer, hint.score, hint.reason, place.within or "")
            self.findings.append(whole)
        elif isinstance(value, str):
            self._text(value, place)
        elif isinstance(value, int) and value > 10**12 and is_card(str(value)):
            reason = "a number whose check digit fits a card's (Luhn)"
            self.findings.append(Finding("card", place.pointer, 0.6, reason, place.within or ""))

    def _text(self, text: str, place: _Place) -> None:
        if not self.budget.text(text):
            return
        held = held_json(text) if place.within is None else None
        if held is not None:
            inner = _Place(place.pointer, place.word, place.beside, place.parent, "", place.depth)
            self.look(held, inner)
            return
        self.findings.extend(_in_pieces(text, place.pointer, place.within or ""))


def find_in(value: Any, *, key: str = "", today: date | None = None) -> Found:
    """What a value holds, and the key it is under: a finding in the key has the pointer "" and
    ``is_name``.
    """
    search = _Search(today or clock.now().date(), Budget())
    if key:
        search.findings += [one._replace(is_name=True) for one in look_at(key[:LONGEST_KEY], "")]
    search.look(value, _Place())
    return Found(tuple(search.findings), not search.budget.is_spent)


def held_json(text: str) -> Any:
    """The object or list that a text is the JSON of; None for any other text."""
    if len(text) > MOST_HELD or text[:1] not in "{[" or text.rstrip()[-1:] not in "}]":
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if found else None


def _in_pieces(text: str, pointer: str, within: str) -> Iterator[Finding]:
    if len(text) <= PIECE:
        yield from look_at(text, pointer, within)
        return
    seen: set[tuple[str, int]] = set()
    for start in range(0, len(text), PIECE - OVERLAP):
        for one in look_at(text[start : start + PIECE], pointer, within):
            if (one.kind, one.start + start) not in seen:
                seen.add((one.kind, one.start + start))
                yield one._replace(start=one.start + start, end=one.end + start)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
