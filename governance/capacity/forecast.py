"""How a measured quantity goes on: a robust slope, and a band around it. Plain Python.

What is stored is a sum of what came day by day, so it is taken for a walk with a drift:

- The drift ``b`` is the Theil–Sen slope, the median of the slopes between all pairs of days
  (Theil 1950, Sen 1968), which a minority of odd days does not turn. A step up or down that stays
  would: so one or two steps far out of the usual (an import, a purge) are taken out of the series
  before; three and more are how this tenant grows, and stay. The band keeps them all.
- The forecast begins at the last measurement, not at a line drawn through the past: storage is
  measured without error, and where it is now is known.
- The band is that of the drift method (Hyndman & Athanasopoulos, Forecasting: Principles and
  Practice, 3rd ed., 5.5), ``t · s · √(h · (1 + c · h / n))`` after ``h`` days: ``√h`` because days
  add up, the second term because the drift itself is known from ``n`` days only (``c`` = 6/5, the
  variance of a fitted slope of a walk). ``s`` is the typical departure of a day from the drift, or,
  where that is larger, of a week by the square root of seven, for days that resemble their
  neighbours. ``t`` is Student's, for the few days.

The band is meant to hold four in five. ``tests/capacity`` measures it on synthetic series: days
that are independent stay close to that at every horizon, steady or weekly growth stays inside
nearly always; rare large imports and long swings fall out more often while history is short.
Less than ``FEWEST`` days say nothing, and no forecast is made from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, combinations, pairwise
from statistics import median

FEWEST = 14  # measured days
MOST = 90  # of the newest: what was before says little about what comes
HORIZON = 730  # days ahead within which an end is looked for
SHARE = 0.8
Z = 1.2815515655446004  # of SHARE, two-sided
OF_SLOPE = 1.2
WEEK = 7
ODD = 25.0  # times the usual departure of a day; of normal days none in a lifetime is
ODD_SHARE = 0.01  # and at least so much of what is stored
ONCE = 2  # so many odd steps are no habit
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was there on one day."""

    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Interval:
    """What is expected on a day, and between what it lies in four cases of five."""

    day: date
    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """When a limit is reached: as expected, at the earliest, at the latest; None: not in two
    years. ``is_over``: it is reached already.
    """

    expected: date | None
    earliest: date | None
    latest: date | None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """A drift a day from the last measurement, its spread, and from how many days they are."""

    last: Measured
    slope: float
    spread: float
    days: int

    def after(self, days: float) -> Interval:
        """So many days after the last measurement."""
        width = (
            student(self.days - 2)
            * self.spread
            * math.sqrt(days * (1 + OF_SLOPE * days / self.days))
        )
        expected = self.last.value + self.slope * days
        day = self.last.day + DAY * int(days)
        return Interval(day, max(expected - width, 0.0), max(expected, 0.0), expected + width)

    def band(self, days: int) -> list[Interval]:
        """From the last measurement on, day by day."""
        return [self.after(ahead) for ahead in range(days + 1)]

    def reaches(self, limit: float) -> Exhaustion:
        """When ``limit`` is reached."""
        if self.last.value >= limit:
            day = self.last.day
            return Exhaustion(day, day, day, is_over=True)
        ahead = self.band(HORIZON)

        def first(value: Callable[[Interval], float]) -> date | None:
            return next((one.day for one in ahead if value(one) >= limit), None)

        return Exhaustion(
            first(lambda one: one.expected), first(lambda one: one.high), first(lambda one: one.low)
        )


def forecast(history: Sequence[Measured]) -> Forecast | None:
    """The forecast of a series in the order of its days; None where there is too little of it."""
    newest = list(history)[-MOST:]
    if len(newest) < FEWEST:
        return None
    days = [(one.day - newest[0].day).days for one in newest]
    values = [one.value for one in newest]
    slope = theil_sen(days, _without_odd_steps(days, values))
    spread = max(_spread(days, values, slope, 1), _spread(days, values, slope, WEEK))
    return Forecast(newest[-1], slope, spread, len(newest))


def theil_sen(days: Sequence[int], values: Sequence[float]) -> float:
    """The median slope between all pairs."""
    return median(
        (values[late] - values[early]) / (days[late] - days[early])
        for early, late in combinations(range(len(days)), 2)
    )


def _without_odd_steps(days: Sequence[int], values: Sequence[float]) -> Sequence[float]:
    """The series as if an import or a purge that happened once or twice had not."""
    lengths = [late - early for early, late in pairwise(days)]
    steps = [late - early for early, late in pairwise(values)]
    usual = median(step / length for step, length in zip(steps, lengths, strict=True))
    apart = [step - usual * length for step, length in zip(steps, lengths, strict=True)]
    limit = max(ODD * median(map(abs, apart)), ODD_SHARE * max(values))
    odd = [one if abs(one) > limit else 0.0 for one in apart]
    if not 0 < sum(map(bool, odd)) <= ONCE:
        return values
    taken = accumulate(odd, initial=0.0)
    return [value - gone for value, gone in zip(values, taken, strict=True)]


def student(freedom: int) -> float:
    """Student's t of SHARE, by the first term of Fisher's expansion: 1.5 % low at 12 degrees."""
    return Z + (Z**3 + Z) / (4 * freedom)


def _spread(days: Sequence[int], values: Sequence[float], slope: float, lag: int) -> float:
    """The typical departure of one day, seen over ``lag`` days; of gaps too, in proportion."""
    known = dict(zip(days, values, strict=True))
    steps = (
        (late - early, known[late] - known[early] - slope * (late - early))
        for early in days
        if (late := _next(known, early + lag)) is not None
    )
    squares = [departure**2 / length for length, departure in steps]
    return math.sqrt(sum(squares) / len(squares)) if squares else 0.0


def _next(known: dict[int, float], day: int) -> int | None:
    """The first measured day from ``day`` on, at most a week later."""
    return next((late for late in range(day, day + WEEK) if late in known), None)
