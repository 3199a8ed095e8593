"""What each part says of itself, and which of them the first sentence names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dashboards import health
from dashboards.evidence import Evidence
from dashboards.health import Jobs, Part
from dashboards.overview import _sentence
from stateward.operations.metrics.queries import MetricSeries, Point

NOW = datetime(2026, 11, 21, 9, 42, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def make_evidence(**fields: Any) -> Evidence:
    usual: dict[str, Any] = {
        "now": NOW,
        "size": 12,
        "alarm": None,
        "sealed_at": NOW - SECOND,
        "renewed_at": NOW - SECOND,
        "key_id": UUID(int=1),
        "waiting_since": None,
        "caught_up_at": NOW,
    }
    return Evidence(**(usual | fields))


def make_jobs(**fields: Any) -> Jobs:
    usual: dict[str, Any] = {
        "timetable_at": NOW - SECOND,
        "waiting_since": None,
        "finished_at": NOW - SECOND,
        "failed": 0,
        "runs": 20,
        "bars": {0: (20, 0, 0)},
    }
    return Jobs(**(usual | fields))


def make_day(**counts: int) -> dict[str, MetricSeries]:
    """A day of five-minute steps with all that happened in the last of them."""
    step = timedelta(minutes=5)

    def series(name: str) -> MetricSeries:
        points = [
            Point(NOW - step * (287 - index), 0, None, None, None, None) for index in range(288)
        ]
        points[-1] = Point(NOW, counts.get(name, 0), None, None, None, None)
        return MetricSeries(name, step, tuple(points))

    return {name: series(name) for name in ("writes", "reads", "denials", "refusals", "errors")}


@pytest.mark.parametrize(
    ("fields", "tone", "word"),
    [
        ({}, "ok", "Works"),
        ({"waiting_since": NOW - 11 * SECOND}, "warn", "Late"),
        ({"alarm": "forked"}, "bad", "Held"),
        ({"renewed_at": NOW - 600 * SECOND, "caught_up_at": NOW - 600 * SECOND}, "bad", "Stopped"),
        ({"renewed_at": None, "caught_up_at": NOW - 600 * SECOND}, "off", "Not seen"),
        ({"renewed_at": None}, "ok", "Works"),
    ],
)
def test_the_sealer(fields: dict[str, Any], tone: str, word: str) -> None:
    part = health._sealer(make_evidence(**fields))

    assert (part.tone, part.word) == (tone, word)


@pytest.mark.parametrize(
    ("fields", "says", "tone"),
    [
        ({}, "Sealed 1.0\u00a0s ago", ""),
        ({"renewed_at": NOW - 600 * SECOND}, "Sealed 10\u00a0min ago", "late"),
        ({"renewed_at": None}, "Nothing sealed yet", "none"),
        ({"alarm": "forked"}, "Sealing is held", "bad"),
    ],
)
def test_the_pulse(fields: dict[str, Any], says: str, tone: str) -> None:
    proof = make_evidence(**fields)

    assert (proof.says, proof.tone) == (says, tone)


@pytest.mark.parametrize(
    ("size", "covers"),
    [
        (0, "no records in the tree"),
        (1, "1 record in the tree"),
        (1204, "1,204 records in the tree"),
    ],
)
def test_the_pulse_says_what_it_covers(size: int, covers: str) -> None:
    assert make_evidence(size=size).covers == covers


@pytest.mark.parametrize(
    ("fields", "tone"),
    [
        ({}, "ok"),
        ({"runs": 0, "bars": {}, "finished_at": None}, "off"),
        ({"waiting_since": NOW - 61 * SECOND}, "bad"),
        ({"failed": 1, "bars": {0: (20, 1, 0)}}, "warn"),
        ({"failed": 7, "bars": {0: (20, 7, 0)}}, "bad"),
        ({"failed": 7, "bars": {0: (20, 0, 0), 1: (20, 7, 0)}}, "ok"),
        ({"finished_at": None}, "ok"),
    ],
)
def test_workers(fields: dict[str, Any], tone: str) -> None:
    assert health._workers(make_jobs(**fields), NOW).tone == tone


@pytest.mark.parametrize(
    ("fields", "tone"),
    [
        ({}, "ok"),
        ({"timetable_at": None}, "off"),
        ({"timetable_at": NOW - timedelta(minutes=3)}, "bad"),
    ],
)
def test_the_scheduler(fields: dict[str, Any], tone: str) -> None:
    assert health._scheduler(make_jobs(**fields), NOW).tone == tone


def test_half_hours_tell_failures_apart_from_silence() -> None:
    bars = health._job_bars(
        make_jobs(bars={0: (20, 0, 0), 1: (20, 1, 0), 2: (20, 2, 0), 3: (5, 0, 1)})
    )

    assert bars[-4:] == ["warn", "bad", "warn", "ok"]
    assert set(bars[:-4]) == {"unknown"}


@pytest.mark.parametrize(
    ("counts", "tone", "last"),
    [
        ({}, "ok", "unknown"),
        ({"writes": 100}, "ok", "ok"),
        ({"writes": 100, "errors": 1}, "warn", "warn"),
        ({"writes": 10, "errors": 10}, "bad", "bad"),
    ],
)
def test_the_web(counts: dict[str, int], tone: str, last: str) -> None:
    part = health._web(make_day(**counts))

    assert part.tone == tone
    assert part.bars[-1] == last
    assert len(part.bars) == 48


def test_the_database_says_how_full_it_is() -> None:
    assert health._postgres("18.4 (Debian)", 100, 41, False).share == 0.41
    assert health._postgres("18.4", 100, 95, False).word == "Full"
    assert health._postgres("18.4", 100, 5, True).tone == "bad"


def test_redis_away_is_said_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise OSError

    monkeypatch.setattr(health, "_client", gone)

    part = health._redis()

    assert (part.tone, part.word) == ("warn", "Away")
    assert "reads and writes go on" in part.says


def test_data_keys() -> None:
    old = NOW - timedelta(days=61)

    assert health._data_keys(NOW, 0, None, None).tone == "off"
    assert health._data_keys(NOW, 5, old, 3).tone == "ok"
    assert health._data_keys(NOW, 5, old, 1 << 30).word == "Rotate"


def part(name: str, tone: str) -> Part:
    return Part(name, tone, "", "")


@pytest.mark.parametrize(
    ("tones", "denied", "said"),
    [
        ("ok ok off", 0, "All 2 parts work, and nothing was denied in 24 h."),
        ("ok warn", 1, "1 of 2 parts work; look at P1, and one request was denied in 24 h."),
        (
            "warn bad ok",
            1204,
            "1 of 3 parts work; look at P1 and 1 more, and 1,204 requests were denied in 24 h.",
        ),
    ],
)
def test_the_sentence_names_the_worst(tones: str, denied: int, said: str) -> None:
    parts = [part(f"P{index}", tone) for index, tone in enumerate(tones.split())]

    assert _sentence(parts, denied) == said
