"""What findings speak for: only ever upwards, and no more than they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from governance.classification.advice import (
    RANK,
    Tally,
    Wanted,
    advise,
    collapsed,
    governing,
    says_more,
    wanted_of,
)
from stateward.state.detectors.kinds import KINDS, NAMES
from stateward.state.models import CLASSIFICATIONS

TALLIES = st.lists(
    st.builds(
        Tally,
        st.sampled_from(NAMES),
        st.integers(1, 50),
        st.integers(1, 200),
        st.integers(1, 100),
    ),
    max_size=6,
)
CLASSES = st.sampled_from(CLASSIFICATIONS)


@given(CLASSES, TALLIES, st.integers(1, 100), st.integers(1, 20))
def test_advice_only_raises_and_each_kind_in_it_asks_for_more(
    own: str, tallies: list[Tally], min_score: int, min_entries: int
) -> None:
    wanted = Wanted(min_score=min_score, min_entries=min_entries)

    found = advise(own, tallies, wanted)

    if found is None:
        assert all(
            RANK[KINDS[one.kind].asks_for] <= RANK[own]
            or one.score < min_score
            or one.entries < min_entries
            for one in tallies
        )
        return
    assert RANK[found.to] > RANK[own]
    assert advise(found.to, tallies, wanted) is None
    for one in found.kinds:
        assert RANK[own] < RANK[KINDS[one.kind].asks_for] <= RANK[found.to]
        assert (one.score >= min_score, one.entries >= min_entries) == (True, True)


@given(CLASSES, TALLIES)
def test_what_was_dismissed_says_no_more_than_itself(own: str, tallies: list[Tally]) -> None:
    found = advise(own, tallies, Wanted())
    if found is None:
        return
    kinds = [one.kind for one in found.kinds]

    assert not says_more(found, found.to, kinds)
    assert says_more(found, found.to, kinds[1:]) == (kinds[0] not in kinds[1:])
    assert says_more(found, "public", kinds)


def test_the_rule_of_the_longest_name_counts() -> None:
    rules = [("", "all"), ("air", "air"), ("air.line", "line"), ("airport", "port")]

    assert governing("air.line.bookings", rules) == "line"
    assert governing("air.craft", rules) == "air"
    assert governing("airline", rules) == "all"
    assert governing("x", rules[1:]) is None


def test_kinds_of_a_rule_may_be_groups_and_none_means_all() -> None:
    assert wanted_of([]).kinds == frozenset(NAMES)
    assert wanted_of(["payment", "email"]).kinds == {"card", "iban", "payment_id", "email"}


def test_places_in_a_list_are_one() -> None:
    assert collapsed("/passengers/0/legs/12/dob") == "/passengers/*/legs/*/dob"
    assert collapsed("") == ""
