"""What differs between two values: by place first, as text where somebody asks for it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.state.values import pointer, short, text_of

MOST_CHANGES = 200
MOST_TEXT_LINES = 20_000  # of both sides; comparing more takes longer than anybody waits
ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One place: ``~`` changed, ``+`` added, ``-`` removed; values as JSON on one line."""

    sign: str
    pointer: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a text comparison; ``tone`` is ok for added, bad for removed, place for where."""

    sign: str
    text: str
    tone: str


def structural(old: Any, new: Any) -> list[Change]:
    """The places that differ, in the order of the newer value; at most ``MOST_CHANGES``."""
    found: list[Change] = []
    _compare(old, new, "", found)
    return found[:MOST_CHANGES]


def changes_of(patch: Sequence[Mapping[str, Any]]) -> list[Change]:
    """The operations of a JSON Patch as places; what was there before a patch does not say."""
    signs = {"add": "+", "remove": "-"}
    return [
        Change(
            signs.get(one["op"], "~"),
            one["path"],
            None,
            short(one["value"]) if "value" in one else one.get("from"),
        )
        for one in patch[:MOST_CHANGES]
    ]


def _compare(old: Any, new: Any, at: str, found: list[Change]) -> None:
    if len(found) > MOST_CHANGES or (type(old) is type(new) and old == new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*new, *(name for name in old if name not in new)]
        for name in names:
            _member(old.get(name, ABSENT), new.get(name, ABSENT), pointer(at, name), found)
    elif isinstance(old, list) and isinstance(new, list):
        _items(old, new, at, found)
    else:
        found.append(Change("~", at, short(old), short(new)))


def _member(old: Any, new: Any, at: str, found: list[Change]) -> None:
    if old is ABSENT:
        found.append(Change("+", at, None, short(new)))
    elif new is ABSENT:
        found.append(Change("-", at, short(old), None))
    else:
        _compare(old, new, at, found)


def _items(old: list[Any], new: list[Any], at: str, found: list[Change]) -> None:
    """What both begin and end with is the same; between them items are compared in pairs."""
    start, most = 0, min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    tail = 0
    while tail < most - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    before, after = old[start : len(old) - tail], new[start : len(new) - tail]
    for offset in range(max(len(before), len(after))):
        left = before[offset] if offset < len(before) else ABSENT
        right = after[offset] if offset < len(after) else ABSENT
        _member(left, right, pointer(at, start + offset), found)


def as_text(old: Any, new: Any) -> list[TextLine]:
    """A unified comparison of both texts, three lines around each change."""
    return compare_texts(
        "" if old is ABSENT else text_of(old), "" if new is ABSENT else text_of(new)
    )


def compare_texts(old: str, new: str) -> list[TextLine]:
    """The same for two texts."""
    left, right = old.splitlines(), new.splitlines()
    if len(left) + len(right) > MOST_TEXT_LINES:
        return [TextLine("", "These texts are too long to compare line by line.", "place")]
    lines = list(difflib.unified_diff(left, right, lineterm="", n=3))[2:]
    return [_line(line) for line in lines[: MOST_CHANGES * 4]]


def _line(line: str) -> TextLine:
    if line.startswith("@@"):
        return TextLine("", line, "place")
    tone = {"+": "ok", "-": "bad"}.get(line[0], "")
    return TextLine(line[0].strip(), line[1:], tone)
