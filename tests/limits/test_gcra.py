"""The algorithm of rate limits by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stateward.kernel.gcra import MOST_KEPT, Buckets, Pace, remaining, take

paces = st.builds(
    Pace, st.floats(0.1, 1000, allow_nan=False), st.integers(min_value=1, max_value=100)
)
gaps = st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=200)


@given(paces, gaps)
def test_no_stretch_of_time_lets_more_through_than_burst_and_rate(
    pace: Pace, gaps: list[float]
) -> None:
    buckets, now, allowed = Buckets(), 1000.0, []
    for gap in gaps:
        now += gap
        if buckets.take(["one"], [pace], now).refused_by is None:
            allowed.append(now)

    for first, begin in enumerate(allowed):
        for count, end in enumerate(allowed[first:], 1):
            assert count <= pace.burst + (end - begin) * pace.per_second + 1e-3


@given(paces, gaps)
def test_who_waits_as_told_is_let_through(pace: Pace, gaps: list[float]) -> None:
    buckets, now = Buckets(), 1000.0
    for gap in gaps:
        now += gap
        taken = buckets.take(["one"], [pace], now)
        if taken.refused_by is not None:
            now += taken.wait + 1e-6
            assert buckets.take(["one"], [pace], now).refused_by is None


def test_a_request_refused_by_one_limit_is_counted_by_none() -> None:
    wide, narrow = Pace(1, 10), Pace(1, 1)
    first, tats = take([0, 0], [wide, narrow], 100)
    second, after = take(tats, [wide, narrow], 100)

    assert first.refused_by is None
    assert second.refused_by == 1
    assert second.wait == 1
    assert after == tats
    assert remaining(wide, second.ahead[0]) == 9
    assert remaining(narrow, second.ahead[1]) == 0


def test_shares_together_are_no_more_than_the_whole() -> None:
    part = Pace(10, 20).shared(1 / 4)

    assert part == Pace(2.5, 5)
    assert Pace(10, 1).shared(1 / 4).burst == 1


def test_what_is_kept_is_bounded() -> None:
    buckets = Buckets()
    for number in range(MOST_KEPT + 10):
        buckets.take([number], [Pace(1, 1)], 0)

    assert len(buckets._tats) == MOST_KEPT
