"""What Plotly is told: traces, axes and colours, in the light theme's values.

The browser exchanges each colour for its dark one. Names come from outside (an agent's, a
namespace's), and Plotly reads tags and links in them: ``plain`` takes them out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from plotly import graph_objects

Kind = Literal["line", "bars", "area"]

# Light to dark. The same pairs stand in static/css/tokens.css; a test compares them.
COLOURS = {
    "series-1": ("#2b49cf", "#8da2ff"),
    "series-2": ("#b9540d", "#f09a5b"),
    "series-3": ("#0b7a81", "#4fc4cb"),
    "series-4": ("#9a2f7a", "#e58ac6"),
    "series-5": ("#746500", "#cdbb4e"),
    "series-6": ("#656d7a", "#9aa3b0"),
    "bad-mark": ("#cf3a42", "#e5605f"),
    "warn-mark": ("#bd7700", "#d99a2b"),
    "grid": ("#e9ebef", "#23282f"),
    "ink": ("#14171c", "#e9ebee"),
    "ink-3": ("#5f6774", "#979fac"),
    "raised": ("#ffffff", "#1c2027"),
    "line-2": ("#cbd0d8", "#3a414c"),
}
BAND = ("rgba(43,73,207,0.14)", "rgba(141,162,255,0.18)")  # of series-1
DASHES = {"solid": "", "dash": "5 3", "dot": "1.5 3"}
FONT = (
    '-apple-system, "Segoe UI", Roboto, "Noto Sans", Ubuntu, "Liberation Sans", Arial, sans-serif'
)
FEW = 3
TICKS = 4
DAY_MS = 86_400_000
BAR = 0.86  # of a step
TAG = re.compile(r"<[^<>]*>")
MOST = 60  # characters of a name in a figure


@dataclass(frozen=True, slots=True)
class Line:
    """One series: ``colour`` is a name of COLOURS, ``dash`` one of DASHES. ``query`` is what the
    audit is asked for the records it counts, None where it cannot be asked. Of two lines with
    ``is_band`` that follow each other, the second closes the band that the first opens.
    """

    name: str
    colour: str
    dash: str
    values: Sequence[float | None]
    latest: str
    query: str | None = None
    is_band: bool = False


def plain(name: str) -> str:
    """``name`` without what Plotly would read as a tag or a link, and not too long to stand."""
    before = ""
    while before != name:
        before, name = name, TAG.sub("", name)
    name = name.replace("<", "‹").replace(">", "›")
    return name if len(name) <= MOST else f"{name[: MOST - 1]}…"


def round_ticks(top: float, *, whole: bool = False) -> list[float]:
    """Zero and four more on round numbers, the last at or above ``top``; ``whole`` for counts."""
    if top <= 0:
        return [0.0, 1.0]
    if whole and top <= TICKS:
        return [float(number) for number in range(math.ceil(top) + 1)]
    rough = top / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [index * step for index in range(math.ceil(top / step - 1e-9) + 1)]


def traces(
    kind: Kind, first: datetime, step: timedelta, lines: Sequence[Line], unit: str
) -> list[Any]:
    bands = 0
    drawn = []
    for line in lines:
        bands += line.is_band
        common: dict[str, Any] = {
            "name": plain(line.name),
            "hovertemplate": f"%{{y:.3~g}} {unit}",
        }
        if kind == "bars":
            drawn.append(_bar(line, first, step, common))
        else:
            common |= {
                "x0": f"{first:%Y-%m-%dT%H:%M:%S}",
                "dx": step.total_seconds() * 1000,
                "y": [_rounded(value) for value in line.values],
            }
            drawn.append(_scatter(line, kind, common, fills=line.is_band and bands % 2 == 0))
    return drawn


def _rounded(value: float | None) -> float | None:
    """Counts stay exact: a point and the records it leads to are the same number."""
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")


def _bar(line: Line, first: datetime, step: timedelta, common: dict[str, Any]) -> graph_objects.Bar:
    """Only bars that are there: Plotly draws empty ones too. ``customdata`` is the step."""
    width = step.total_seconds() * 1000
    full = [(place, value) for place, value in enumerate(line.values) if value]
    return graph_objects.Bar(
        **common,
        x=[f"{first + step * place:%Y-%m-%dT%H:%M:%S}" for place, _ in full],
        y=[_rounded(value) for _, value in full],
        customdata=[place for place, _ in full],
        offset=width * (1 - BAR) / 2,
        width=width * BAR,
        marker={"color": COLOURS[line.colour][0], "line": {"width": 0}},
    )


def _scatter(
    line: Line, kind: Kind, common: dict[str, Any], *, fills: bool
) -> graph_objects.Scatter:
    known = sum(value is not None for value in line.values)
    colour = COLOURS[line.colour][0]
    is_alone = known <= FEW and kind == "line" and not line.is_band  # a point makes no line
    more: dict[str, Any] = {}
    if kind == "area":
        more = {"stackgroup": "one", "stackgaps": "interpolate", "fillcolor": colour}
    elif line.is_band:
        more = {"fill": "tonexty" if fills else "none", "fillcolor": BAND[0]}
    width = 0 if line.is_band else 1 if kind == "area" else 1.75
    return graph_objects.Scatter(
        **common,
        **more,
        mode="lines+markers" if is_alone else "lines",
        marker={"size": 5},
        cliponaxis=not is_alone,
        line={"color": colour, "width": width, "dash": line.dash},
        connectgaps=False,
    )


def upright(at: datetime) -> dict[str, object]:
    """A dotted line through the whole height at a moment."""
    moment = f"{at:%Y-%m-%dT%H:%M:%S}"
    line = {"color": COLOURS["ink-3"][0], "width": 1, "dash": "dot"}
    return {"type": "line", "yref": "paper", "x0": moment, "x1": moment, "y0": 0, "y1": 1} | {
        "line": line
    }


def layout(
    since: datetime, until: datetime, top: float, unit: str, *, whole: bool = False
) -> dict[str, object]:
    ticks = round_ticks(top, whole=whole)
    texts = [f"{tick:g}" for tick in ticks]
    texts[-1] = f"{texts[-1]} {unit}".rstrip()
    ink, raised = COLOURS["ink-3"][0], COLOURS["raised"][0]
    return {
        "template": None,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 11, "color": ink},
        "margin": {"l": 56, "r": 12, "t": 12, "b": 28},
        "showlegend": False,
        "barmode": "stack",
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
            "range": [f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in (since, until)],
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
