"""Counts become figures: bars whose points lead to their records, and rankings whose names do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from dashboards import figures
from dashboards.drawing import Line
from dashboards.metrics.frame import Frame
from dashboards.plotting import Drill, FigureView, line_figure
from stateward.operations.metrics.counts import Count, Ranked

MOST = 5  # series by their own names; the rest is one
TOP = 8
COLOURS = tuple(f"series-{number}" for number in range(1, 7))
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a ranking."""

    name: str
    value: float
    shown: str
    share: float  # of the largest
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who or what has most, by name: all that ``metrics/_ranking.html`` shows."""

    id: str
    title: str
    says: str
    bars: tuple[Bar, ...]
    unit: str
    tone: str = "series"
    below: str = ""
    of: str = "name"

    @property
    def is_empty(self) -> bool:
        return not self.bars

    @property
    def headings(self) -> list[str]:
        return [self.of, self.unit]

    @property
    def table(self) -> Iterator[tuple[object, ...]]:
        return ((bar.name, bar.value) for bar in self.bars)


Panel = FigureView | Ranking
Build = Callable[[Frame], Panel]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one name of a series is called and drawn, and what the audit is asked for it."""

    name: str
    colour: str
    query: Mapping[str, str] | None = None


def counted_figure(
    frame: Frame,
    id: str,
    *,
    title: str,
    says: str,
    counts: Sequence[Count],
    kinds: Mapping[str, Kind],
    together: Mapping[str, str] | None,
) -> FigureView:
    """Bars of counts, one colour a kind. ``together`` is what finds all of them in the audit."""
    lines = [
        Line(
            kind.name,
            kind.colour,
            "solid",
            one.counts,
            str(figures.count(one.total)),
            None if kind.query is None else urlencode(kind.query),
        )
        for one in counts
        if (kind := kinds[one.name])
    ]
    query = None if together is None else urlencode(together)
    moments = frame.steps.moments
    return line_figure(
        id,
        title=title,
        says=says,
        moments=moments if len(moments) > 1 else [*moments, moments[0] + frame.steps.step],
        lines=lines or [Line("none", "series-6", "solid", [0] * len(moments), "0")],
        unit="",
        kind="bars",
        drill=Drill(frame.audit_url, query) if lines else None,
    )


def with_others(counts: Sequence[Count], most: int = MOST) -> list[Count]:
    """The largest, and the sum of the rest."""
    if len(counts) <= most + 1:
        return list(counts)
    rest = [sum(step) for step in zip(*(one.counts for one in counts[most:]), strict=True)]
    return [*counts[:most], Count(OTHERS, tuple(rest))]


def coloured(
    counts: Sequence[Count], label: Callable[[str], str], query: Callable[[str], dict[str, str]]
) -> dict[str, Kind]:
    """Kinds in the order of the palette; what is many together cannot be asked for."""
    return {
        one.name: Kind(OTHERS, COLOURS[-1])
        if one.name == OTHERS
        else Kind(label(one.name), COLOURS[min(place, len(COLOURS) - 1)], query(one.name))
        for place, one in enumerate(counts)
    }


def ranking(
    frame: Frame,
    id: str,
    *,
    title: str,
    says: str,
    found: Sequence[Ranked],
    query: Callable[[Ranked], Mapping[str, str]],
    of: str,
    tone: str = "series",
) -> Ranking:
    """The most first, each leading to its records of the range."""
    drill = Drill(frame.audit_url, "")
    first, last = frame.steps.first, ends_of(frame)
    top = max((one.count for one in found), default=1)
    bars = [
        Bar(
            one.label or one.value,
            one.count,
            figures.whole(one.count),
            one.count / top,
            drill.between(first, last, urlencode(query(one))),
        )
        for one in found[:TOP]
    ]
    more = len(found) - len(bars)
    below = f"{more} more in the CSV. " if more > 0 else ""
    return Ranking(
        id,
        title,
        says,
        tuple(bars),
        "records",
        tone,
        f"{below}Choose {of} to open the records of this range." if bars else "",
        of.rsplit(maxsplit=1)[-1],
    )


def ends_of(frame: Frame) -> datetime:
    """Where the last step ends."""
    return frame.steps.moments[-1] + frame.steps.step


def peak(counts: Sequence[Count], frame: Frame) -> str:
    """``most from 04:00 to 05:00 (654)``; empty where nothing was counted."""
    sums = [sum(step) for step in zip(*(one.counts for one in counts), strict=True)]
    if not sums or not max(sums):
        return ""
    begin = frame.steps.moments[sums.index(max(sums))]
    end = begin + frame.steps.step
    style = "%-d %b %H:%M" if frame.range.seconds > 86_400 else "%H:%M"
    return f"most from {begin:{style}} to {end:{style}} ({figures.whole(max(sums))})"


def total(counts: Sequence[Count]) -> int:
    return sum(one.total for one in counts)
