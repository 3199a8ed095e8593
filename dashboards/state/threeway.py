"""A conflict as a person sees it: the version they began from, what stands now, what they wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from dashboards.state.values import short
from stateward.state.entries import Entry
from stateward.state.merging import ABSENT, Merged, merge, places

MOST_PLACES = 200
PICK = "pick:"
Side = Literal["theirs", "ours"]


@dataclass(frozen=True, slots=True)
class Row:
    """One place that differs; None: there is nothing."""

    pointer: str
    base: str | None
    theirs: str | None
    ours: str | None
    by: str
    picked: str = ""

    @property
    def name(self) -> str:
        """The field that says which side is taken."""
        return PICK + self.pointer


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """What differs between three values, and what they come to."""

    base: Entry
    theirs: Entry
    rows: list[Row]
    merged: Merged

    @property
    def open(self) -> int:
        """How many places still need somebody's choice."""
        return len(self.merged.conflicts)

    @property
    def conflicts(self) -> int:
        return sum(row.by == "conflict" for row in self.rows)


def picks_of(post: Mapping[str, Any]) -> dict[str, Side]:
    """Which side was taken, by place."""
    sides: dict[str, Side] = {}
    for name, side in post.items():
        if name.startswith(PICK) and side in {"theirs", "ours"}:
            sides[name.removeprefix(PICK)] = side
    return sides


def three_way(base: Entry, theirs: Entry, ours: Any, picks: Mapping[str, Side]) -> ThreeWay:
    before, now = base.value, theirs.value
    rows = [
        Row(
            place.pointer,
            base=_said(place.base),
            theirs=_said(place.theirs),
            ours=_said(place.ours),
            by=place.by,
            picked=picks.get(place.pointer, ""),
        )
        for place in islice(places(before, now, ours), MOST_PLACES)
    ]
    return ThreeWay(base, theirs, rows, merge(before, now, ours, picks))


def _said(value: Any) -> str | None:
    return None if value is ABSENT else short(value)
