"""Sliding windows against the plainest way to say what they mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from governance.detection.sightings import Sighting
from governance.detection.windows import burst

START = datetime(2026, 11, 1, tzinfo=UTC)
NOBODY = UUID(int=0)


def sighting(number: int, second: int, thing: int, weight: int, is_new: bool) -> Sighting:
    at = START + timedelta(seconds=second)
    return Sighting(
        UUID(int=number), at, "agent", NOBODY, "a", "x", "deny", "entry", str(thing), is_new,
        weight=weight,
    )  # fmt: skip


SEEN = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 4), st.integers(1, 4), st.booleans()), max_size=25
).map(lambda rows: [sighting(n, *row) for n, row in enumerate(sorted(rows, key=lambda r: r[0]))])


def plainly(seen: list[Sighting], within: timedelta, at_least: int, distinct: bool) -> set[UUID]:
    """Every window that ends with a sighting, one by one."""
    taken: set[UUID] = set()
    for last, end in enumerate(seen):
        window = [one for one in seen[: last + 1] if end.at - one.at <= within]
        things = {one.thing for one in window}
        size = len(things) if distinct else sum(one.weight for one in window)
        if size >= at_least and any(one.is_new for one in window):
            taken |= {one.id for one in window}
    return taken


@given(SEEN, st.integers(0, 20), st.integers(1, 8), st.booleans())
def test_a_burst_is_what_some_window_holds(
    seen: list[Sighting], seconds: int, at_least: int, distinct: bool
) -> None:
    within = timedelta(seconds=seconds)
    key = (lambda one: one.thing) if distinct else None

    found = burst(seen, within=within, at_least=at_least, distinct=key)

    assert {one.id for one in found} == plainly(seen, within, at_least, distinct)
    assert found == sorted(found, key=seen.index)


@given(SEEN, st.integers(0, 20), st.integers(1, 8), st.integers(0, 25))
def test_two_looks_find_what_one_look_finds(
    seen: list[Sighting], seconds: int, at_least: int, cut: int
) -> None:
    """Looking each minute, or once after a silence: the same sightings are told of."""
    within = timedelta(seconds=seconds)
    all_new = [one for one in (_as(one, True) for one in seen)]
    first = burst(all_new[:cut], within=within, at_least=at_least)
    second = burst(
        [_as(one, place >= cut) for place, one in enumerate(seen)],
        within=within,
        at_least=at_least,
    )

    at_once = burst(all_new, within=within, at_least=at_least)

    assert {one.id for one in first} | {one.id for one in second} == {one.id for one in at_once}


def _as(one: Sighting, is_new: bool) -> Sighting:
    return sighting(one.id.int, (one.at - START).seconds, int(one.resource_id), one.weight, is_new)
