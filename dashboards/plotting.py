"""Figures: built here by Plotly, in the light theme's colours; the browser exchanges them in the
dark one and draws. Each figure is a title, a sentence, a picture, a table and the latest values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from plotly import graph_objects

# Light to dark. The same pairs stand in static/css/tokens.css; a test compares them.
COLOURS = {
    "series-1": ("#2b49cf", "#8da2ff"),
    "series-2": ("#b9540d", "#f09a5b"),
    "series-3": ("#0b7a81", "#4fc4cb"),
    "series-4": ("#9a2f7a", "#e58ac6"),
    "series-5": ("#746500", "#cdbb4e"),
    "series-6": ("#656d7a", "#9aa3b0"),
    "bad-mark": ("#cf3a42", "#e5605f"),
    "grid": ("#e9ebef", "#23282f"),
    "ink": ("#14171c", "#e9ebee"),
    "ink-3": ("#5f6774", "#979fac"),
    "raised": ("#ffffff", "#1c2027"),
    "line-2": ("#cbd0d8", "#3a414c"),
}
DASHES = {"solid": "", "dash": "5 3", "dot": "1.5 3"}
FONT = (
    '-apple-system, "Segoe UI", Roboto, "Noto Sans", Ubuntu, "Liberation Sans", Arial, sans-serif'
)
FEW = 3
ROWS = 30  # of a figure's table on the page; the CSV has all
TICKS = 4
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Line:
    """One series: ``colour`` is a name of COLOURS, ``dash`` one of DASHES."""

    name: str
    colour: str
    dash: str
    values: Sequence[float | None]
    latest: str


@dataclass(frozen=True, slots=True)
class FigureView:
    """All that ``components/_figure.html`` shows."""

    id: str
    title: str
    says: str
    content: str
    lines: tuple[Line, ...]
    unit: str
    rows: tuple[tuple[datetime, tuple[str, ...]], ...]
    points: int

    @property
    def is_empty(self) -> bool:
        """Nothing to draw: a sentence says so better than an empty frame."""
        return not self.rows


def line_figure(
    id: str,  # the element's id is called so
    *,
    title: str,
    says: str,
    moments: Sequence[datetime],
    lines: Sequence[Line],
    unit: str,
) -> FigureView:
    """Lines over time, from zero, with round ticks and the unit on the topmost.

    ``moments``, at least two, follow each other by one step.
    """
    figure = graph_objects.Figure([_trace(moments, line, unit) for line in lines])
    top = max((value for line in lines for value in line.values if value), default=0.0)
    figure.update_layout(_layout(moments, top, unit))
    described = {"figure": figure.to_plotly_json(), "dark": dict(COLOURS.values())}
    rows = [
        (moment, tuple(_cell(line.values[index]) for line in lines))
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
        points=len(moments),
    )


def round_ticks(top: float) -> list[float]:
    """Zero and four more on round numbers, the last at or above ``top``."""
    if top <= 0:
        return [0.0, 1.0]
    rough = top / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [index * step for index in range(math.ceil(top / step - 1e-9) + 1)]


def _trace(moments: Sequence[datetime], line: Line, unit: str) -> graph_objects.Scatter:
    colour = COLOURS[line.colour][0]
    known = sum(value is not None for value in line.values)
    return graph_objects.Scatter(
        x0=f"{moments[0]:%Y-%m-%dT%H:%M:%S}",
        dx=(moments[1] - moments[0]).total_seconds() * 1000,
        y=[None if value is None else float(f"{value:.4g}") for value in line.values],
        name=line.name,
        mode="lines+markers" if known <= FEW else "lines",  # one point alone makes no line
        marker={"size": 4},
        line={"color": colour, "width": 1.75, "dash": line.dash},
        connectgaps=False,
        hovertemplate=f"%{{y:.3~g}} {unit}",
    )


def _layout(moments: Sequence[datetime], top: float, unit: str) -> dict[str, object]:
    ticks = round_ticks(top)
    texts = [f"{tick:g}" for tick in ticks]
    texts[-1] = f"{texts[-1]} {unit}"
    ink, raised = COLOURS["ink-3"][0], COLOURS["raised"][0]
    return {
        "template": None,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 11, "color": ink},
        "margin": {"l": 56, "r": 12, "t": 12, "b": 28},
        "showlegend": False,
        "hovermode": "x unified",
        "dragmode": "zoom",
        "hoverlabel": {
            "bgcolor": raised,
            "bordercolor": COLOURS["line-2"][0],
            "font": {"color": COLOURS["ink"][0], "size": 12},
        },
        "xaxis": {
            "type": "date",
            "showgrid": False,
            "zeroline": False,
            "ticks": "",
            "nticks": 6,
            "range": [f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in (moments[0], moments[-1])],
            "hoverformat": "%-d %b %H:%M",
            "tickformatstops": [
                {"dtickrange": [None, DAY_MS - 1], "value": "%H:%M\n%-d %b"},
                {"dtickrange": [DAY_MS, None], "value": "%-d %b"},
            ],
        },
        "yaxis": {
            "range": [0, ticks[-1] * 1.02],
            "tickvals": ticks,
            "ticktext": texts,
            "gridcolor": COLOURS["grid"][0],
            "zeroline": False,
            "ticks": "",
            "ticklabelstandoff": 6,
            "fixedrange": True,
        },
    }


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _plain(value: object) -> object:
    """Plotly keeps sequences as tuples and its own lists."""
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} in a figure")
