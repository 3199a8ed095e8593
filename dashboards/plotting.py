"""Figures: built here, drawn by the browser with Plotly. Each is a title, a sentence, a picture, a
table and the latest values; where a point counts audit records, it and its row lead to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from plotly import graph_objects

from dashboards.drawing import (
    BAND,
    COLOURS,
    DASHES,
    Kind,
    Line,
    layout,
    round_ticks,
    traces,
    upright,
)
from stateward.kernel.clock import rfc3339

__all__ = ["COLOURS", "DASHES", "ROWS", "FigureView", "Line", "Row", "line_figure", "round_ticks"]

ROWS = 30  # of a figure's table on the page; the CSV has all


@dataclass(frozen=True, slots=True)
class Drill:
    """Where the records are that a figure counts: the audit's address, and what is asked of it for
    all lines together, None where no one question finds them. Each line's own is its ``query``.
    """

    url: str
    query: str | None

    def between(self, since: datetime, until: datetime, query: str | None) -> str:
        """The address of the records of that stretch; empty where it cannot be asked."""
        if query is None:
            return ""
        asked = f"&{query}" if query else ""
        return f"{self.url}?from={_moment(since)}&until={_moment(until)}{asked}"


@dataclass(frozen=True, slots=True)
class Row:
    """One step in a figure's table, and where its records are."""

    at: datetime
    cells: tuple[str, ...]
    url: str = ""
    records: int = 0


@dataclass(frozen=True, slots=True)
class FigureView:
    """All that ``components/_figure.html`` shows."""

    id: str
    title: str
    says: str
    content: str
    lines: tuple[Line, ...]
    unit: str
    rows: tuple[Row, ...]
    moments: tuple[datetime, ...]
    kind: Kind = "line"
    has_records: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing to draw: a sentence says so better than an empty frame."""
        return not self.rows

    @property
    def headings(self) -> list[str]:
        """Of the CSV."""
        unit = f", {self.unit}" if self.unit else ""
        return ["time", *(f"{line.name}{unit}" for line in self.lines)]

    @property
    def table(self) -> Iterator[tuple[object, ...]]:
        """Every step, for the CSV."""
        values = (line.values for line in self.lines)
        return zip(self.moments, *values, strict=True)

    @property
    def is_filled(self) -> bool:
        return self.kind != "line"

    @property
    def named(self) -> tuple[Line, ...]:
        """The lines of the legend."""
        return tuple(line for line in self.lines if not line.is_band)


def line_figure(
    id: str,  # the element's id is called so
    *,
    title: str,
    says: str,
    moments: Sequence[datetime],
    lines: Sequence[Line],
    unit: str,
    kind: Kind = "line",
    drill: Drill | None = None,
    mark: datetime | None = None,
) -> FigureView:
    """Lines, bars or areas over time, from zero, with round ticks and the unit on the topmost.

    ``moments``, at least two, follow each other by one step. A dotted line stands at ``mark``.
    """
    step = moments[1] - moments[0]
    ends = moments[-1] + step if kind == "bars" else moments[-1]
    figure = graph_objects.Figure(traces(kind, moments[0], step, lines, unit))
    drawn = layout(moments[0], ends, _top(kind, lines), unit, whole=kind == "bars")
    if mark:
        drawn["shapes"] = [upright(mark)]
    figure.update_layout(drawn)
    described: dict[str, object] = {
        "figure": figure.to_plotly_json(),
        "dark": dict([*COLOURS.values(), BAND]),
    }
    if drill:
        queries = [line.query for line in lines]
        described["drill"] = {
            "url": drill.url,
            "all": drill.query,
            "queries": queries,
            "first": _moment(moments[0]),
            "step": step.total_seconds(),
        }
    rows = [
        _row(index, moment, step, lines, drill)
        for index, moment in enumerate(moments)
        if any(line.values[index] for line in lines)
    ]
    return FigureView(
        id=id,
        title=title,
        says=says,
        content=orjson.dumps(described, default=_plain).decode().replace("<", "\\u003c"),
        lines=tuple(lines),
        unit=unit,
        rows=tuple(reversed(rows[-ROWS:])),
        moments=tuple(moments),
        kind=kind,
        has_records=drill is not None and drill.query is not None,
    )


def _row(
    index: int, at: datetime, step: timedelta, lines: Sequence[Line], drill: Drill | None
) -> Row:
    values = [line.values[index] for line in lines]
    cells = tuple(_cell(value) for value in values)
    if drill is None:
        return Row(at, cells)
    url = drill.between(at, at + step, drill.query)
    return Row(at, cells, url, round(sum(value or 0 for value in values)))


def _top(kind: Kind, lines: Sequence[Line]) -> float:
    """The highest point; what is stacked adds up."""
    if kind == "line":
        return max((value for line in lines for value in line.values if value), default=0.0)
    steps = zip(*(line.values for line in lines), strict=True)
    return max((sum(value or 0 for value in step) for step in steps), default=0.0)


def _moment(at: datetime) -> str:
    return rfc3339(at).replace(".000000Z", "Z")


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _plain(value: object) -> object:
    """Plotly keeps sequences as tuples and its own lists."""
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} in a figure")
