"""How numbers, sizes and times are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards import figures

NOW = datetime(2026, 11, 21, 9, 42, 17, 31_245, tzinfo=UTC)


def plain(text: object) -> str:
    return str(text).replace(figures.GAP, " ")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (7, "7"),
        (1204, "1,204"),
        (999_999, "999,999"),
        (2_412_000, "2.41 M"),
        (3.2e9, "3.20 G"),
        (5e12, "5.00 T"),
    ],
)
def test_counts_are_exact_below_a_million(value: float, written: str) -> None:
    assert plain(figures.count(value)) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.001, "< 0.01"), (0.05, "0.05"), (9.1, "9.1"), (38.24, "38.2"), (417.4, "417")],
)
def test_digits_are_those_that_matter(value: float, written: str) -> None:
    assert figures.digits(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(612, "612 B"), (1126, "1.1 KiB"), (38.2 * 2**30, "38.2 GiB"), (3 * 2**40, "3 TiB")],
)
def test_bytes_are_binary(value: float, written: str) -> None:
    assert plain(figures.size(value)) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "0.0 s"),
        (0.84, "0.8 s"),
        (41, "41 s"),
        (185, "3 min"),
        (7800, "2 h 10 min"),
        (7200, "2 h"),
        (11 * 3600 + 60, "11 h"),
        (61 * 86400, "61 d"),
    ],
)
def test_spans_take_the_units_that_matter(seconds: float, written: str) -> None:
    assert plain(figures.span(timedelta(seconds=seconds))) == written


@pytest.mark.parametrize(
    ("ago", "written"),
    [
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=-2), "in 2 h"),
        (timedelta(days=3), "18 Nov 09:42"),
        (timedelta(days=400), "17 Oct 2025"),
    ],
)
def test_moments_are_relative_within_a_day(ago: timedelta, written: str) -> None:
    assert plain(figures.moment(NOW - ago, NOW)) == written


def test_the_exact_time_has_milliseconds_and_the_zone() -> None:
    assert figures.exact(NOW) == "21 Nov 2026, 09:42:17.031 UTC"


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (106, 100, "6 % above yesterday"),
        (95, 100, "5 % below yesterday"),
        (100, 100, "as yesterday"),
        (300, 100, "3 times yesterday"),
        (5, 0, "none yesterday"),
        (0, 0, "none yesterday either"),
    ],
)
def test_a_figure_is_compared(now: int, before: int, said: str) -> None:
    assert plain(figures.ratio(now, before)[0]) == said


def test_a_rate_has_no_gap_before_its_unit() -> None:
    assert str(figures.Figure("12.5", "/s")) == "12.5/s"
