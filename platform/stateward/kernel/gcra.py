"""The generic cell rate algorithm: how many requests a second, and how many at once.

A limit is one number kept: the theoretical arrival time (``tat``) at which its bucket would be full
again if nothing more came. A request moves it by ``1 / rate`` and is refused where that would put
it more than ``burst / rate`` ahead of now. It is a token bucket that needs neither a timer nor a
second number. All times are in seconds on one clock; Redis does the same in microseconds
(``web/limiting.py``), and this does it in a process alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

MOST_KEPT = 100_000


class Pace(NamedTuple):
    """``per_second`` requests a second, ``burst`` of them at once."""

    per_second: float
    burst: int

    def shared(self, share: float) -> Pace:
        """The part of it that one of several may use alone; never less than one request at once."""
        return Pace(self.per_second * share, max(int(self.burst * share), 1))


class Taken(NamedTuple):
    """What came of a request under several limits: the place of the one that refuses it (None:
    allowed), seconds until it may come again, and how far each limit's bucket is from full.
    """

    refused_by: int | None
    wait: float
    ahead: tuple[float, ...]


def take(tats: Sequence[float], paces: Sequence[Pace], now: float) -> tuple[Taken, list[float]]:
    """One request under all these limits, and what to keep for each. Refused by one, it is counted
    by none.
    """
    moved, refused_by, wait = [], None, 0.0
    for place, (tat, pace) in enumerate(zip(tats, paces, strict=True)):
        start = max(tat, now)
        late = start + 1 / pace.per_second - (now + pace.burst / pace.per_second)
        if late > 1e-9 and late > wait:
            refused_by, wait = place, late
        moved.append(start + 1 / pace.per_second)
    kept = moved if refused_by is None else [max(tat, now) for tat in tats]
    return Taken(refused_by, wait, tuple(tat - now for tat in kept)), kept


def remaining(pace: Pace, ahead: float) -> int:
    """How many requests may come at once now."""
    return max(int(pace.burst - ahead * pace.per_second + 1e-6), 0)


class Buckets:
    """The limits that one process keeps by itself; those longest unused are forgotten first."""

    def __init__(self) -> None:
        self._tats: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, names: Sequence[Hashable], paces: Sequence[Pace], now: float) -> Taken:
        taken, kept = take([self._tats.get(name, now) for name in names], paces, now)
        for name, tat in zip(names, kept, strict=True):
            self._tats[name] = tat
            self._tats.move_to_end(name)
        while len(self._tats) > MOST_KEPT:
            self._tats.popitem(last=False)
        return taken
