"""Figures as the browser gets them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.drawing import COLOURS, Line, plain, round_ticks
from dashboards.plotting import ROWS, Drill, FigureView, _plain, line_figure

TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def draw(*values: float | None, name: str = "writes") -> FigureView:
    moments = [START + timedelta(minutes=5 * index) for index in range(len(values))]
    line = Line(name, "series-1", "solid", values, "12")
    return line_figure("f", title="T", says="S.", moments=moments, lines=[line], unit="ms")


def test_chart_colours_are_the_tokens() -> None:
    text = TOKENS.read_text()

    for name, (light, dark) in COLOURS.items():
        assert re.search(rf"--{name}: light-dark\({light}, {dark}\)", text), name


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_ticks_are_few_round_and_cover_the_top(top: float) -> None:
    ticks = round_ticks(top)

    assert ticks[0] == 0
    assert ticks[-1] >= top * (1 - 1e-6)
    assert 2 <= len(ticks) <= 6


def test_without_values_there_is_a_scale_but_nothing_to_draw() -> None:
    figure = draw(0.0, None)

    assert round_ticks(0) == [0.0, 1.0]
    assert figure.is_empty


def test_the_unit_stands_on_the_topmost_tick_alone() -> None:
    axis = json.loads(draw(7.0, 9.5).content)["figure"]["layout"]["yaxis"]

    assert axis["ticktext"][-1] == "10 ms"
    assert not any("ms" in text for text in axis["ticktext"][:-1])


def test_steps_are_told_by_their_first_and_their_distance() -> None:
    trace = json.loads(draw(1.0, 2.0, 3.0, 4.0).content)["figure"]["data"][0]

    assert trace["x0"] == "2026-11-21T09:00:00"
    assert trace["dx"] == 300_000
    assert trace["y"] == [1, 2, 3, 4]
    assert trace["mode"] == "lines"


def test_a_point_alone_is_seen() -> None:
    trace = json.loads(draw(None, 2.0, None, None).content)["figure"]["data"][0]

    assert trace["mode"] == "lines+markers"


def test_a_name_cannot_end_the_script_it_stands_in() -> None:
    content = draw(1.0, 2.0, name="</script").content

    assert "<" not in content
    assert json.loads(content)["figure"]["data"][0]["name"] == "‹/script"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<b>loud</b>", "loud"),
        ('<a href="https://example.org">here</a>', "here"),
        ("<<b>b>x</<b>b>", "x"),
        ("<img src=x onerror=alert(1)", "‹img src=x onerror=alert(1)"),
        ("a < b > c", "a  c"),
        ("booker", "booker"),
        ("n" * 200, "n" * 59 + "…"),
    ],
)
def test_plotly_finds_no_tag_or_link_in_a_name(name: str, shown: str) -> None:
    assert plain(name) == shown
    assert json.loads(draw(1.0, 2.0, name=name).content)["figure"]["data"][0]["name"] == shown


@given(st.text("<>ab/ =", max_size=40))
def test_no_name_keeps_a_tag(name: str) -> None:
    assert not set("<>") & set(plain(name))


def test_bars_cover_their_steps_and_lead_to_their_records() -> None:
    moments = [START, START + timedelta(minutes=5)]
    lines = [
        Line("forbid", "bad-mark", "solid", [2, 0], "2", query="outcome=deny_forbid"),
        Line("no match", "warn-mark", "solid", [1, 0], "1", query="outcome=deny_no_match"),
    ]
    drill = Drill("/t/x/audit/", "outcome=deny")

    figure = line_figure(
        "f", title="T", says="S.", moments=moments, lines=lines, unit="", kind="bars", drill=drill
    )

    described = json.loads(figure.content)
    assert described["figure"]["layout"]["xaxis"]["range"][1] == "2026-11-21T09:10:00"
    assert described["figure"]["layout"]["yaxis"]["tickvals"][-1] >= 3
    assert described["drill"] == {
        "url": "/t/x/audit/",
        "all": "outcome=deny",
        "queries": ["outcome=deny_forbid", "outcome=deny_no_match"],
        "first": "2026-11-21T09:00:00Z",
        "step": 300,
    }
    (row,) = figure.rows
    assert (row.records, row.cells) == (3, ("2", "1"))
    assert row.url == (
        "/t/x/audit/?from=2026-11-21T09:00:00Z&until=2026-11-21T09:05:00Z&outcome=deny"
    )


def test_the_table_has_the_newest_rows_with_something_in_them() -> None:
    figure = draw(*([0.0] * 5), *range(1, 60))

    assert len(figure.rows) == ROWS
    assert figure.rows[0].cells == ("59",)
    assert len(list(figure.table)) == 64


def test_only_plain_things_are_in_a_figure() -> None:
    assert _plain((1, 2)) == [1, 2]
    with pytest.raises(TypeError):
        _plain(object())
