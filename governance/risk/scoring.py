"""From what was counted to a score: pure, and explained term by term.

Each hour comes to points: refusals count little each and never much together, alerts by how bad
they are. An hour weighs half as much a day later, so that a score rises at once and falls by itself
within a week. It ends at 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST = 100
HALF_LIFE = timedelta(hours=24)
LOOKED_AT = timedelta(days=7)
DENIAL, MOST_DENIALS = 0.5, 15.0  # points for each, and of an hour in all
ERROR, MOST_ERRORS = 1.0, 10.0
ALERTS = {"low": 5.0, "medium": 15.0, "high": 40.0, "critical": 80.0}
LEVELS = ((70, "high"), (30, "medium"), (1, "low"))


@dataclass(frozen=True, slots=True)
class Hour:
    """What was counted of one agent in one hour."""

    hour: datetime
    denials: int = 0
    errors: int = 0
    low: int = 0
    medium: int = 0
    high: int = 0
    critical: int = 0

    @property
    def points(self) -> float:
        return sum(points for _, _, points in self.terms())

    def terms(self) -> list[tuple[str, int, float]]:
        """What it comes to: the term's name, how often, and its points."""
        found = [
            ("denials", self.denials, min(self.denials * DENIAL, MOST_DENIALS)),
            ("errors", self.errors, min(self.errors * ERROR, MOST_ERRORS)),
        ]
        found += [
            (f"{name}_alerts", getattr(self, name), getattr(self, name) * worth)
            for name, worth in ALERTS.items()
        ]
        return [term for term in found if term[1]]


@dataclass(frozen=True, slots=True)
class Term:
    """One reason for a score. ``points`` are what is left of them now."""

    name: str
    count: int
    points: float


@dataclass(frozen=True, slots=True)
class Score:
    """How an agent stands. The terms come to the score, unless that ends at 100."""

    score: int
    terms: tuple[Term, ...]

    @property
    def level(self) -> str:
        return next((name for least, name in LEVELS if self.score >= least), "none")


def score_of(hours: Iterable[Hour], now: datetime) -> Score:
    """The score at ``now``. Hours older than a week count for nothing."""
    counts: dict[str, int] = {}
    points: dict[str, float] = {}
    for one in hours:
        age = now - one.hour
        if age > LOOKED_AT:
            continue
        weight = 0.5 ** (max(age, timedelta()) / HALF_LIFE)
        for name, count, worth in one.terms():
            counts[name] = counts.get(name, 0) + count
            points[name] = points.get(name, 0.0) + worth * weight
    terms = [Term(name, counts[name], round(points[name], 1)) for name in counts]
    terms.sort(key=lambda term: (-term.points, term.name))
    return Score(min(round(sum(points.values())), MOST), tuple(terms))


def course(hours: Sequence[Hour], now: datetime, *, steps: int = 24) -> list[int]:
    """The score at the end of each of the last ``steps`` hours, oldest first."""
    moments = [now - timedelta(hours=back) for back in reversed(range(steps))]
    return [
        score_of([one for one in hours if one.hour <= moment], moment).score for moment in moments
    ]
