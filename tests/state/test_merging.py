"""Three-way merge: no change is lost, and it does not matter who came first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.state.merging import ABSENT, merge, places
from stateward.state.sameness import identity, same

NAMES = st.sampled_from(["a", "b", "c", "a/b", "~"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, 10**30, "", "x"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Something that is made from ``value``, mostly by small changes."""
    if not isinstance(value, dict) or draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(st.just(value), VALUES))
    members = {}
    for name, member in value.items():
        if draw(st.integers(0, 3)):
            members[name] = draw(changed(member))
    return members | draw(st.dictionaries(NAMES, VALUES, max_size=1))


@st.composite
def three_ways(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    base = draw(VALUES)
    return base, draw(changed(base)), draw(changed(base))


def leaves(value: Any, at: str = "") -> dict[str, Any]:
    """The places of a value that are no objects, and empty objects."""
    if not isinstance(value, dict) or not value:
        return {at: value}
    found: dict[str, Any] = {}
    for name, member in value.items():
        found |= leaves(member, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")
    return found


def differs(one: dict[str, Any], other: dict[str, Any], place: str) -> bool:
    if place not in one or place not in other:
        return (place in one) != (place in other)
    return not same(one[place], other[place])


@given(three_ways())
def test_merge_commutes(sides: tuple[Any, Any, Any]) -> None:
    base, theirs, ours = sides

    one, other = merge(base, theirs, ours), merge(base, ours, theirs)

    assert one.conflicts == other.conflicts
    assert one.conflicts or same(one.value, other.value)


@given(VALUES, VALUES)
def test_a_side_that_changed_nothing_yields(base: Any, changed: Any) -> None:
    assert merge(base, base, changed) == (changed, ())
    assert merge(base, changed, base) == (changed, ())


@given(VALUES, VALUES)
def test_both_made_the_same(base: Any, made: Any) -> None:
    assert merge(base, made, made) == (made, ())


@given(three_ways())
def test_no_change_is_lost(sides: tuple[Any, Any, Any]) -> None:
    """Where nothing conflicts, each place that a side changed is in the result as that side made
    it, except where the other side replaced what it lies in by a value of the same places.
    """
    base, theirs, ours = sides
    merged = merge(base, theirs, ours)
    if merged.conflicts:
        return
    before, result = leaves(base), leaves(merged.value)
    for side in (leaves(theirs), leaves(ours)):
        for place, value in side.items():
            if differs(before, side, place) and value != {}:
                assert place in result, place
                assert same(result[place], value)


@given(three_ways())
def test_conflicts_are_places_that_both_changed(sides: tuple[Any, Any, Any]) -> None:
    base, theirs, ours = sides

    for pointer in merge(base, theirs, ours).conflicts:
        one, his, mine = (at(side, pointer) for side in sides)
        assert not is_same(one, his)
        assert not is_same(one, mine)
        assert not is_same(his, mine)


def at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def is_same(one: Any, other: Any) -> bool:
    return one is other if ABSENT in (one, other) else same(one, other)


CASES: list[tuple[str, Any, Any, Any, Any]] = [
    ("different members", {"a": 1}, {"a": 1, "b": 2}, {"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}),
    ("one removes", {"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}),
    ("both remove", {"a": 1, "b": 1}, {"b": 1}, {"b": 1}, {"b": 1}),
    ("deep", {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, {"a": {"b": {"c": 1}, "d": 1}},
     {"a": {"b": {"c": 2}, "d": 1}}),
    ("both add an object", {}, {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
    ("both make an object of it", 1, {"x": 1}, {"y": 2}, {"x": 1, "y": 2}),
    ("one changes a list", {"l": [1]}, {"l": [1, 2]}, {"l": [1], "m": 0}, {"l": [1, 2], "m": 0}),
    ("1 becomes 1.0", {"n": 1}, {"n": 1.0}, {"n": 2}, {"n": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("base", "theirs", "ours", "merged"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_what_comes_together(base: Any, theirs: Any, ours: Any, merged: Any) -> None:
    assert merge(base, theirs, ours) == (merged, ())


CONFLICTS: list[tuple[str, Any, Any, Any, tuple[str, ...]]] = [
    ("a member", {"a": 1}, {"a": 2}, {"a": 3}, ("/a",)),
    ("the whole", 1, 2, 3, ("",)),
    ("a list", {"l": [1]}, {"l": [1, 2]}, {"l": [1, 3]}, ("/l",)),
    ("removed and changed", {"a": 1}, {}, {"a": 2}, ("/a",)),
    ("both added", {}, {"a": 1}, {"a": True}, ("/a",)),
    ("escaped", {"a/b": 1, "~": 1}, {"a/b": 2, "~": 2}, {"a/b": 3, "~": 3}, ("/a~1b", "/~0")),
    ("an object and a word", {"a": 1}, {"a": {}}, {"a": None}, ("/a",)),
]


@pytest.mark.parametrize(("base", "theirs", "ours", "pointers"), [case[1:] for case in CONFLICTS],
                         ids=[case[0] for case in CONFLICTS])  # fmt: skip
def test_what_conflicts(base: Any, theirs: Any, ours: Any, pointers: tuple[str, ...]) -> None:
    assert merge(base, theirs, ours).conflicts == pointers


@given(VALUES, VALUES)
def test_identity_and_sameness_agree(one: Any, other: Any) -> None:
    assert same(one, one)
    assert same(one, other) == same(other, one)
    assert (identity(one) == identity(other)) == same(one, other)


def test_a_number_is_no_word() -> None:
    assert same(1, 1.0)
    assert same([{"a": 0}], [{"a": -0.0}])
    assert same(10**30, 1e30) == (10**30 == 1e30)
    for one, other in ((1, True), (0, False), (None, False), ("1", 1), ([], {}), ("", None)):
        assert not same(one, other)
        assert identity(one) != identity(other)


@given(three_ways(), st.sampled_from(["theirs", "ours"]))
def test_whoever_chooses_ends_every_conflict(sides: tuple[Any, Any, Any], side: Any) -> None:
    base, theirs, ours = sides
    conflicts = merge(base, theirs, ours).conflicts

    chosen = merge(base, theirs, ours, dict.fromkeys(conflicts, side))

    assert chosen.conflicts == ()
    for pointer in conflicts:
        assert is_same(
            at(chosen.value, pointer), at({"theirs": theirs, "ours": ours}[side], pointer)
        )
    assert same(merge(base, theirs, base).value, theirs)


def test_one_side_here_and_the_other_there() -> None:
    base, theirs, ours = {"a": 1, "b/c": 1, "d": 1}, {"a": 2, "b/c": 2}, {"a": 3, "d": 2}

    assert merge(base, theirs, ours, {"/a": "ours"}).conflicts == ("/b~1c", "/d")
    merged = merge(base, theirs, ours, {"/a": "ours", "/b~1c": "theirs", "/d": "theirs"})
    assert merged == ({"a": 3, "b/c": 2}, ())
    assert merge(1, 2, 3, {"": "ours"}) == (3, ())


@given(three_ways())
def test_the_places_that_differ_are_those_of_the_merge(sides: tuple[Any, Any, Any]) -> None:
    base, theirs, ours = sides
    found = list(places(base, theirs, ours))

    conflicts = sorted(place.pointer for place in found if place.by == "conflict")
    assert tuple(conflicts) == merge(base, theirs, ours).conflicts
    for place in found:
        theirs_too, ours_too = is_same(place.base, place.theirs), is_same(place.base, place.ours)
        assert (theirs_too, ours_too) == {
            "theirs": (False, True), "ours": (True, False),
            "both": (False, False), "conflict": (False, False),
        }[place.by]  # fmt: skip
