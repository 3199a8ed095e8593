"""The fake server's patches do what the standards say, compared with another implementation."""

from __future__ import annotations

from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_bridge.testing._patch import difference, json_patch, merge_patch
from agents_bridge.testing._problems import Refusal

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "~/"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["", "a", "b", "a/b", "m~n"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(before=VALUES, after=VALUES)
def test_a_difference_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    assert json_patch(before, difference(before, after)) == after


@settings(max_examples=150, deadline=None)
@given(before=VALUES, after=VALUES)
def test_patches_made_by_others_are_applied_as_they_would(before: Any, after: Any) -> None:
    patch = jsonpatch.make_patch([before], [after]).patch

    assert json_patch([before], patch) == [after]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        (["a"], {"a": None}, {}),
        ({"a": 1}, ["c"], ["c"]),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("target", "operations", "result"),
    [
        ({"a": 1}, [{"op": "replace", "path": "", "value": 2}], 2),
        ([1, 3], [{"op": "add", "path": "/1", "value": 2}], [1, 2, 3]),
        ([1], [{"op": "add", "path": "/1", "value": 2}], [1, 2]),
        ([1, 2], [{"op": "move", "from": "/0", "path": "/-"}], [2, 1]),
        ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
        ({"a": 1.0}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1.0}),
        (
            {"a/b": 1, "m~n": 2},
            [{"op": "remove", "path": "/a~1b"}, {"op": "remove", "path": "/m~0n"}],
            {},
        ),
        (
            {"a": [{"x": [1]}]},
            [{"op": "test", "path": "", "value": {"a": [{"x": [1]}]}}],
            {"a": [{"x": [1]}]},
        ),
    ],
)
def test_json_patches(target: Any, operations: Any, result: Any) -> None:
    assert json_patch(target, operations) == result


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "test", "path": "/a", "value": True}, 409),
        ({"op": "test", "path": "/l", "value": [1, 2]}, 409),
        ({"op": "remove", "path": "/x"}, 422),
        ({"op": "remove", "path": "/l/1"}, 422),
        ({"op": "remove", "path": "/l/01"}, 422),
        ({"op": "add", "path": "/l/5", "value": 1}, 422),
        ({"op": "add", "path": "/a/b", "value": 1}, 422),
        ({"op": "add", "path": "a", "value": 1}, 422),
        ({"op": "move", "from": "/o", "path": "/o/p"}, 422),
        ({"op": "dance", "path": "/a"}, 422),
        ({"path": "/a"}, 422),
        ("remove", 422),
    ],
)
def test_patches_that_do_not_fit_are_refused(operation: Any, status: int) -> None:
    target = {"a": 1, "l": [1], "o": {"p": 1}}

    with pytest.raises(Refusal) as caught:
        json_patch(target, [operation])

    assert caught.value.status == status
    assert target == {"a": 1, "l": [1], "o": {"p": 1}}


def test_a_patch_is_an_array() -> None:
    with pytest.raises(Refusal) as caught:
        json_patch({}, {"op": "remove"})

    assert caught.value.status == 400
