"""Reducers: what each makes of a value, and what it refuses."""

from __future__ import annotations

from functools import reduce as fold
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.kernel.errors import StatewardError, Unprocessable
from stateward.state.exceptions import ActionConflict, BadMode
from stateward.state.merging import ABSENT
from stateward.state.reducers import Reducer, parse_reducer, reduce

ITEMS = st.lists(st.sampled_from([1, True, 1.5, "1", None, [1], {"a": 1}, 10**40]), max_size=6)


def after(name: str, *payloads: Any, old: Any = ABSENT, by: str = "") -> Any:
    reducer = Reducer(name, by)
    return fold(lambda value, payload: reduce(reducer, value, name, payload), payloads, old)


FOLDS: list[tuple[str, list[Any], Any]] = [
    ("append", [1, [2], None], [1, [2], None]),
    ("union", [[1, 2], [2, 3, True]], [1, 2, 3, True]),
    ("union", [[{"a": 1, "b": 2}], [{"b": 2, "a": 1.0}]], [{"a": 1, "b": 2}]),
    ("remove", [[1]], []),
    ("add", [1, 2, -5], -2),
    ("add", [10**40, 1], 10**40 + 1),
    ("add", [0.5, 1], 1.5),
    ("max", [-5], -5),
    ("max", [-5, 10**40, 3.5], 10**40),
    ("min", [5], 5),
    ("min", [5, -0.5, 2], -0.5),
    ("set_once", [None, 2], None),
    ("set_once", [{"a": 1}, {"a": 2}], {"a": 1}),
]


@pytest.mark.parametrize(
    ("name", "payloads", "value"), FOLDS, ids=[f"{case[0]}-{n}" for n, case in enumerate(FOLDS)]
)
def test_from_nothing(name: str, payloads: list[Any], value: Any) -> None:
    found = after(name, *payloads)

    assert found == value
    assert type(found) is type(value)


def test_remove_tells_one_from_true() -> None:
    assert after("remove", [1, [2]], old=[True, 1, 1.0, [2], [2.0], 3]) == [True, 3]


def test_upsert_replaces_in_place_or_adds() -> None:
    value = after(
        "upsert_by",
        {"id": 1, "a": 1},
        {"id": "1"},
        {"id": True},
        {"id": 1.0, "b": 2},
        old=["odd", {"no": "id"}],
        by="id",
    )

    assert value == ["odd", {"no": "id"}, {"id": 1.0, "b": 2}, {"id": "1"}, {"id": True}]
    for payload in ([], {}, {"id": None}, {"id": [1]}):
        with pytest.raises(Unprocessable):
            after("upsert_by", payload, by="id")


def task(*actions: tuple[str, Any], old: Any = ABSENT) -> Any:
    reducer = Reducer("task_list")
    return fold(lambda value, action: reduce(reducer, value, *action), actions, old)


def test_a_task_is_open_and_then_done_once() -> None:
    tasks = task(
        ("ADD", {"id": "a", "title": "A"}),
        ("ADD", {"id": "b"}),
        ("COMPLETE", {"id": "a", "result": 1}),
        ("FAIL", {"id": "b", "reason": "late"}),
    )

    assert tasks == [
        {"id": "a", "title": "A", "status": "completed", "result": 1},
        {"id": "b", "status": "failed", "reason": "late"},
    ]
    for action in (("ADD", {"id": "a"}), ("COMPLETE", {"id": "c"}), ("COMPLETE", {"id": "a"}),
                   ("FAIL", {"id": "a"}), ("COMPLETE", {"id": "b"})):  # fmt: skip
        with pytest.raises(ActionConflict):
            task(action, old=tasks)
    for action in (("ADD", {"id": "x", "status": "completed"}), ("ADD", "x"), ("ADD", {}),
                   ("task_list", {"id": "x"}), ("add", {"id": "x"})):  # fmt: skip
        with pytest.raises(Unprocessable):
            task(action, old=tasks)


REFUSED: list[tuple[str, Any, Any, type[StatewardError]]] = [
    ("append", 1, 1, ActionConflict),
    ("union", ABSENT, 1, Unprocessable),
    ("remove", {}, [1], ActionConflict),
    ("add", True, 1, ActionConflict),
    ("add", ABSENT, True, Unprocessable),
    ("add", ABSENT, "1", Unprocessable),
    ("add", 1e308, 1e308, Unprocessable),
    ("add", 10**308, 10**308, Unprocessable),
    ("max", "1", 1, ActionConflict),
    ("min", ABSENT, None, Unprocessable),
]


@pytest.mark.parametrize(
    ("name", "old", "payload", "error"),
    REFUSED,
    ids=[f"{case[0]}-{n}" for n, case in enumerate(REFUSED)],
)
def test_what_does_not_fit(name: str, old: Any, payload: Any, error: type[StatewardError]) -> None:
    with pytest.raises(error):
        after(name, payload, old=old)


def test_the_type_is_the_reducers_name() -> None:
    with pytest.raises(Unprocessable) as refused:
        reduce(Reducer("append"), ABSENT, "add", 1)

    assert [fault.pointer for fault in refused.value.errors] == ["/type"]


@given(ITEMS, ITEMS)
def test_a_union_is_idempotent_and_keeps_what_was_there(old: list[Any], new: list[Any]) -> None:
    once = after("union", new, old=old)

    assert after("union", new, old=once) == once
    assert once[: len(old)] == old
    assert after("remove", new, old=once) == after("remove", new, old=old)


@given(st.lists(st.integers(-(10**40), 10**40), min_size=1), st.randoms())
def test_sums_and_extremes_do_not_ask_who_was_first(numbers: list[int], random: Any) -> None:
    shuffled = random.sample(numbers, len(numbers))

    assert after("add", *numbers) == after("add", *shuffled) == sum(numbers)
    assert after("max", *numbers) == after("max", *shuffled) == max(numbers)
    assert after("min", *numbers) == after("min", *shuffled) == min(numbers)


@given(ITEMS, st.sampled_from([1, True, "1", [1]]))
def test_what_was_there_is_never_changed(old: list[Any], item: Any) -> None:
    before = [*old]

    after("append", item, old=old)
    after("union", [item], old=old)
    after("remove", [item], old=old)

    assert old == before


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (None, "/reducer"),
        ({}, "/reducer/name"),
        ({"name": "sum"}, "/reducer/name"),
        ({"name": ["add"]}, "/reducer/name"),
        ({"name": "add", "by": "id"}, "/reducer/by"),
        ({"name": "append", "most": 3}, "/reducer/most"),
        ({"name": "upsert_by"}, "/reducer/by"),
        ({"name": "upsert_by", "by": ""}, "/reducer/by"),
        ({"name": "upsert_by", "by": 1}, "/reducer/by"),
    ],
    ids=range(9),
)
def test_what_is_no_reducer(document: Any, pointer: str) -> None:
    with pytest.raises(BadMode) as refused:
        parse_reducer(document)

    assert [fault.pointer for fault in refused.value.errors] == [pointer]


def test_what_is_one() -> None:
    assert parse_reducer({"name": "append"}).types == ("append",)
    assert parse_reducer({"name": "task_list"}).types == ("ADD", "COMPLETE", "FAIL")
    assert parse_reducer({"name": "upsert_by", "by": "id"}) == Reducer("upsert_by", "id")
