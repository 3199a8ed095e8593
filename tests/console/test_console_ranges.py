"""The range of time in a page's address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.ranges import read_range

NOW = datetime(2026, 11, 21, 9, 42, tzinfo=UTC)


@pytest.mark.parametrize(("name", "hours"), [("1h", 1), ("24h", 24), ("7d", 168), ("30d", 720)])
def test_names_end_now(name: str, hours: int) -> None:
    found = read_range({"range": name}, NOW)

    assert (found.name, found.until) == (name, NOW)
    assert found.until - found.since == timedelta(hours=hours)
    assert found.says.startswith("the last")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"range": "forever"},
        {"from": "yesterday", "until": "now"},
        {"from": "2026-11-21T09:00:00Z"},
        {"from": "2026-11-21T09:00:00Z", "until": "2026-11-21T08:00:00Z"},
        {"from": "2026-11-21T09:00:00Z", "until": "2026-11-21T09:00:30Z"},
        {"from": "2030-01-01T00:00:00Z", "until": "2030-01-02T00:00:00Z"},
        {"from": "1990-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
    ],
)
def test_what_makes_no_sense_gives_the_usual_range(query: dict[str, str]) -> None:
    assert read_range(query, NOW).name == "24h"
    assert read_range(query, NOW, "1h").name == "1h"


def test_two_moments_are_taken_as_they_are() -> None:
    query = {"from": "2026-11-20T10:00:00+02:00", "until": "2026-11-20T12:00:00"}

    found = read_range(query, NOW)

    assert found.since == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert found.until == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert found.says == "20 Nov 08:00 to 20 Nov 12:00 UTC"
    assert found.seconds == 4 * 3600


def test_the_future_is_cut_off() -> None:
    query = {"from": "2026-11-21T09:00:00Z", "until": "2026-11-21T23:00:00Z"}

    assert read_range(query, NOW).until == NOW
