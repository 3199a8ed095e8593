"""A value with a mask wherever something of the given kinds was found.

What is masked is a text of its own, so that no reader takes it for the value: ``‹masked: email›``.
A number becomes such a text too. Where a value is too large to be looked through, all of it is
masked: what was not seen is not shown.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from stateward.state.detectors.kinds import MASK, Finding
from stateward.state.detectors.looking import find_in, held_json

MIN_SCORE = 0.5


class Masked(NamedTuple):
    """The value as it is shown, and the pointers of what was masked."""

    value: Any
    places: tuple[str, ...]


def mask(value: Any, kinds: frozenset[str]) -> Masked:
    """The same value, masked; the very one where nothing was found."""
    found = find_in(value)
    if not found.is_complete:
        return Masked(mark("too large to look through"), ("",))
    chosen = [one for one in found.findings if one.kind in kinds and one.score >= MIN_SCORE]
    if not chosen:
        return Masked(value, ())
    by_place: dict[str, list[Finding]] = defaultdict(list)
    for one in chosen:
        by_place[one.pointer].append(one)
    return Masked(_rebuilt(value, "", by_place), tuple(sorted(by_place)))


def mark(kind: str) -> str:
    return f"{MASK}{kind}›"


def holds_mask(value: Any) -> str | None:
    """The pointer of a text, or of a member, that holds a mask; None where there is none."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        pointer, one = waiting.pop()
        if isinstance(one, str) and MASK in one:
            return pointer
        if isinstance(one, list):
            waiting += [(f"{pointer}/{number}", item) for number, item in enumerate(one)]
        elif isinstance(one, Mapping):
            for name, item in one.items():
                place = f"{pointer}/{_escaped(name)}"
                if MASK in name:
                    return place
                waiting.append((place, item))
    return None


def _rebuilt(value: Any, pointer: str, by_place: Mapping[str, list[Finding]]) -> Any:
    here = by_place.get(pointer, ())
    if (whole := _whole(here)) is not None:
        return mark(whole.kind)
    if isinstance(value, Mapping):
        return _object(value, pointer, by_place)
    if isinstance(value, list):
        return [
            _rebuilt(item, f"{pointer}/{number}", by_place) for number, item in enumerate(value)
        ]
    if isinstance(value, str) and here:
        return _text(value, [one for one in here if not (one.is_name and not one.within)])
    return value


def _whole(findings: Iterable[Finding]) -> Finding | None:
    for one in findings:
        if one.is_whole and not one.within:
            return one
    return None


def _object(
    value: Mapping[str, Any], pointer: str, by_place: Mapping[str, list[Finding]]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, item in value.items():
        place = f"{pointer}/{_escaped(name)}"
        findings = [one for one in by_place.get(place, ()) if one.is_name and not one.within]
        called = _distinct(_spans(name, findings), shown) if findings else name
        shown[called] = _rebuilt(item, place, by_place)
    return shown


def _distinct(name: str, taken: Mapping[str, Any]) -> str:
    """Members whose names look the same under their masks are numbered, so that none is lost."""
    number, said = 1, name
    while said in taken:
        number += 1
        said = f"{name} {number}"
    return said


def _text(text: str, findings: list[Finding]) -> str:
    if any(one.within for one in findings):
        return _held(text, findings)
    return _spans(text, findings)


def _held(text: str, findings: list[Finding]) -> str:
    """A text that holds JSON, with what is found in that masked."""
    held = held_json(text)
    inner: dict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        inner[one.within].append(one._replace(pointer=one.within, within=""))
    return json.dumps(_rebuilt(held, "", inner), ensure_ascii=False)


def _spans(text: str, findings: list[Finding]) -> str:
    pieces, seen_to = [], 0
    for one in sorted(findings, key=lambda each: each.start):
        if one.start < seen_to:
            seen_to = max(seen_to, one.end)
            continue
        pieces += [text[seen_to : one.start], mark(one.kind)]
        seen_to = one.end
    return "".join([*pieces, text[seen_to:]])


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
