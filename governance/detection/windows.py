"""Sliding windows over sightings: pure, and the same whether one looks each minute or once after a
day of silence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from governance.detection.sightings import Sighting

K = TypeVar("K", bound=Hashable)


def by(key: Callable[[Sighting], K], sightings: Iterable[Sighting]) -> dict[K, list[Sighting]]:
    """The sightings of each ``key``, in their order."""
    groups: dict[K, list[Sighting]] = defaultdict(list)
    for one in sightings:
        groups[key(one)].append(one)
    return groups


def burst(
    sightings: Sequence[Sighting],
    *,
    within: timedelta,
    at_least: int,
    distinct: Callable[[Sighting], Hashable] | None = None,
) -> list[Sighting]:
    """The sightings that lie in some window of ``within`` which holds ``at_least`` and something
    new; none where no window does.

    What is counted is each sighting's weight, or how many are ``distinct``. They come oldest first.
    """
    taken: list[Sighting] = []
    counts: Counter[Hashable] = Counter()
    weight = new = left = kept_until = 0
    for right, one in enumerate(sightings):
        weight += one.weight
        new += one.is_new
        if distinct is not None:
            counts[distinct(one)] += 1
        while one.at - sightings[left].at > within:
            gone = sightings[left]
            weight -= gone.weight
            new -= gone.is_new
            if distinct is not None:
                counts[distinct(gone)] -= 1
                counts += Counter()  # drops what is down to nothing
            left += 1
        if new and (weight if distinct is None else len(counts)) >= at_least:
            taken.extend(sightings[max(left, kept_until) : right + 1])
            kept_until = right + 1
    return taken


def total(sightings: Iterable[Sighting]) -> int:
    return sum(one.weight for one in sightings)
