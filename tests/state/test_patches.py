"""Patches and differences: RFC 7396, RFC 6902, and that a difference applied gives what it was
taken from.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.kernel.errors import Malformed
from stateward.state.exceptions import PatchNotApplicable, PatchTestFailed
from stateward.state.patches import MAX_OPERATIONS, difference, json_patch, merge_patch

NAMES = st.sampled_from(["a", "b", "c/d", "e~f", "", "0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_difference_applied_gives_the_other_value(before: Any, after: Any) -> None:
    assert json_patch(before, difference(before, after)) == after


@given(VALUES)
def test_equal_values_do_not_differ(value: Any) -> None:
    assert difference(value, value) == []


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_follow_the_rfc(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


def test_a_patch_leaves_the_value_it_was_applied_to_alone() -> None:
    value = {"a": {"b": [1]}}

    json_patch(value, [{"op": "add", "path": "/a/b/-", "value": 2}])
    merge_patch(value, {"a": {"b": None}})

    assert value == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    "operations",
    [
        {"op": "add"},
        ["add"],
        [{"op": "add", "path": "/a"}],
        [{"op": "fly", "path": "/a"}],
        [{"op": ["add"], "path": "/a", "value": 1}],
        [{"op": "remove", "path": "a"}],
        [{"op": "remove", "path": 7}],
        [{"op": "move", "path": "/a", "from": "b"}],
        [{"op": "test", "path": "", "value": 1}] * (MAX_OPERATIONS + 1),
    ],
)
def test_what_is_no_patch_is_malformed(operations: Any) -> None:
    with pytest.raises(Malformed):
        json_patch({"a": 1}, operations)


@pytest.mark.parametrize(
    ("value", "operation"),
    [
        (1, {"op": "add", "path": "/a", "value": 1}),
        ([1], {"op": "add", "path": "/01", "value": 1}),
        ([1], {"op": "remove", "path": "/1"}),
        ({"a": 1}, {"op": "remove", "path": "/b"}),
        ({"a": 1}, {"op": "remove", "path": ""}),
        ({"a": 1}, {"op": "add", "path": "/~2", "value": 1}),
        ({"a": {}}, {"op": "move", "from": "/a", "path": "/a/b"}),
        ({"a": 1}, {"op": "copy", "from": "/b", "path": "/c"}),
    ],
)
def test_a_patch_that_does_not_fit_says_which_operation(value: Any, operation: Any) -> None:
    with pytest.raises(PatchNotApplicable) as refused:
        json_patch(value, [{"op": "test", "path": "", "value": value}, operation])

    assert refused.value.errors[0].pointer == "/1"


def test_a_failed_test_is_a_conflict() -> None:
    with pytest.raises(PatchTestFailed) as refused:
        json_patch({"a": 1}, [{"op": "test", "path": "/a", "value": 2}])

    assert refused.value.status == 409
