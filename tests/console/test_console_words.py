"""Ranges of time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.ranges import LONGEST, SHORTEST, read_range
from dashboards.words import read_words

NOW = datetime(2026, 11, 21, 9, 42, 17, tzinfo=UTC)  # a Saturday


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("typed", "since", "until"),
    [
        ("3 hours ago", "2026-11-21T06:42:17", "2026-11-21T09:42:17"),
        ("last 2 weeks", "2026-11-07T09:42:17", "2026-11-21T09:42:17"),
        ("90 min", "2026-11-21T08:12:17", "2026-11-21T09:42:17"),
        ("An hour ago", "2026-11-21T08:42:17", "2026-11-21T09:42:17"),
        ("half an hour", "2026-11-21T09:12:17", "2026-11-21T09:42:17"),
        ("5 hours ago to 2 hours ago", "2026-11-21T04:42:17", "2026-11-21T07:42:17"),
        ("since yesterday 09:40", "2026-11-20T09:40:00", "2026-11-21T09:42:17"),
        ("yesterday", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("since yesterday", "2026-11-20T00:00:00", "2026-11-21T09:42:17"),
        ("today", "2026-11-21T00:00:00", "2026-11-21T09:42:17"),
        ("this week", "2026-11-16T00:00:00", "2026-11-21T09:42:17"),
        ("last week", "2026-11-09T00:00:00", "2026-11-16T00:00:00"),
        ("last month", "2026-10-01T00:00:00", "2026-11-01T00:00:00"),
        ("20 Nov", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("20 Nov to 21 Nov", "2026-11-20T00:00:00", "2026-11-22T00:00:00"),
        ("Nov 20 2026 04:00 until 05:00", "2026-11-20T04:00:00", "2026-11-20T05:00:00"),
        ("19 Nov 23:00 to 01:00", "2026-11-19T23:00:00", "2026-11-20T01:00:00"),
        ("24 December", "2025-12-24T00:00:00", "2025-12-25T00:00:00"),
        ("2026-11-20", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("2026-11-20T10:00:00+02:00 .. now", "2026-11-20T08:00:00", "2026-11-21T09:42:17"),
        ("2026-11-20 10:00 UTC", "2026-11-20T10:00:00", "2026-11-21T09:42:17"),
        ("09:40", "2026-11-21T09:40:00", "2026-11-21T09:42:17"),
        ("23:00", "2026-11-20T23:00:00", "2026-11-21T09:42:17"),
        ("1795252000", "2026-11-21T09:06:40", "2026-11-21T09:42:17"),
    ],
)
def test_what_people_type_is_understood(typed: str, since: str, until: str) -> None:
    assert read_words(typed, NOW) == (at(since), at(until))


@pytest.mark.parametrize(
    "typed",
    ["", "soon", "3 moons ago", "31 Feb", "25:00", "to", "now to", "32 Nov", "3 hours ago to"],
)
def test_what_is_not_understood_is_none(typed: str) -> None:
    found = read_words(typed, NOW)

    assert found is None


@given(st.one_of(st.text(max_size=30), st.text("0123456789 agohursdayinto-:.TZ", max_size=30)))
def test_nothing_typed_breaks_the_page(typed: str) -> None:
    found = read_range({"when": typed}, NOW)

    assert found.until <= NOW
    assert found.name or SHORTEST <= found.until - found.since <= LONGEST


def test_words_stay_words_and_are_told_exactly() -> None:
    found = read_range({"when": "3 hours ago"}, NOW)

    assert (found.name, found.words, found.fault) == ("", "3 hours ago", "")
    assert found.echo == "21 Nov 2026 06:42:17 to 21 Nov 2026 09:42:17 UTC"
    later = read_range({"when": "3 hours ago"}, NOW + timedelta(hours=1))
    assert later.since - found.since == timedelta(hours=1)


def test_words_that_make_no_sense_are_said_and_the_usual_range_is_shown() -> None:
    found = read_range({"when": "900 weeks ago", "range": "7d"}, NOW)

    assert found.name == "7d"
    assert "900 weeks ago" in found.fault
