"""The judges themselves: an honest history is acquitted, and each kind of lie is found."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.histories import judges
from tests.histories.recorded import Event, Kept, Outcome


def kept(*values: Any) -> list[Kept]:
    return [Kept(n, f"2026-11-21T12:00:{n:02}Z", value) for n, value in enumerate(values, 1)]


def write(
    name: str, version: int, begun: float, ended: float, outcome: Outcome = "ok", key: str = "k"
) -> Event:
    answer = {"version": version, "value": {"id": name}}
    return Event(1, "write", (key,), name, begun, ended, outcome, answer)


def read(name: str, version: int, begun: float, ended: float) -> Event:
    answer = {"version": version, "value": {"id": name}}
    return Event(2, "read", ("k",), None, begun, ended, "ok", answer)


TWO = {"k": kept({"id": "a"}, {"id": "b"})}
FIRST, SECOND = write("a", 1, 0, 1), write("b", 2, 2, 3)


def test_an_honest_history_is_acquitted() -> None:
    lost = write("c", 0, 1, math.inf, "unknown")
    overlapping = read("a", 1, 2.5, 3.5)  # the second write may have come after it

    assert judges.registers([FIRST, SECOND, lost, overlapping], TWO) == []


@pytest.mark.parametrize(
    ("events", "revisions", "found"),
    [
        ([FIRST, SECOND], {"k": kept({"id": "a"})}, "there 0 times"),
        ([FIRST], {"k": kept({"id": "a"}, {"id": "a"})}, "there 2 times"),
        ([write("a", 1, 0, 1, "fail")], {"k": kept({"id": "a"})}, "fail write"),
        ([FIRST], {"k": [Kept(2, "t", {"id": "a"})]}, "has the versions [2]"),
        ([FIRST, SECOND, read("a", 1, 4, 5)], TWO, "version 1 after 2"),
        ([FIRST, SECOND, read("x", 2, 4, 5)], TWO, "was answered with"),
        ([write("a", 1, 2, 3), write("b", 2, 0, 1)], TWO, "version 1 after 2"),
    ],
    ids=["lost", "doubled", "refused", "gap", "stale", "other", "swapped"],
)
def test_each_lie_about_a_register_is_found(events: Any, revisions: Any, found: str) -> None:
    assert found in "\n".join(judges.registers(events, revisions))


def transaction(name: str, outcome: Outcome, version: int) -> Event:
    answer = {"results": [{"version": version}, {"version": version}]}
    return Event(1, "transact", ("a", "b"), name, 0, 1, outcome, answer)


def seen(*entries: tuple[int, str]) -> Event:
    items = [{"version": version, "value": {"id": name}} for version, name in entries]
    return Event(2, "read_many", ("a", "b"), None, 2, 3, "ok", {"items": items})


ONE = {"a": kept({"id": "t"}), "b": kept({"id": "t"})}


@pytest.mark.parametrize(
    ("events", "revisions", "found"),
    [
        ([transaction("t", "ok", 1), seen((1, "t"), (1, "t"))], ONE, ""),
        ([transaction("t", "unknown", 1)], {"a": kept({"id": "t"})}, "half there"),
        ([transaction("t", "ok", 1)], {}, "is there: False"),
        ([transaction("t", "fail", 1)], ONE, "is there: True"),
        ([seen((1, "t"), (2, "u"))], {}, "saw halves"),
        ([transaction("t", "ok", 2), seen((1, "s"), (1, "s"))], ONE, "version 1 after 2"),
    ],
    ids=["honest", "half", "lost", "refused", "halves", "stale"],
)
def test_each_lie_about_a_transaction_is_found(events: Any, revisions: Any, found: str) -> None:
    wrong = "\n".join(judges.transactions(events, revisions))

    assert found in wrong
    assert bool(found) == bool(wrong)


def add(by: int, outcome: Outcome, begun: float = 0, ended: float = 1) -> Event:
    return Event(1, "act", ("n",), by, begun, ended, outcome, None)


@pytest.mark.parametrize(
    ("end", "is_right"), [(2, False), (3, True), (7, True), (8, False)], ids=str
)
def test_a_counter_ends_between_what_is_known_and_what_is_not(end: int, is_right: bool) -> None:
    events = [add(3, "ok"), add(4, "unknown", ended=math.inf), add(50, "fail")]

    assert (judges.counters(events, {"n": kept(end)}) == []) is is_right


def test_a_counter_is_read_in_real_time() -> None:
    old = Event(2, "read", ("n",), None, 2, 3, "ok", {"value": 0})

    assert "not 3 to 3" in judges.counters([add(3, "ok"), old], {"n": kept(3)})[0]


def test_a_list_holds_each_item_once_and_in_order() -> None:
    first = Event(1, "act", ("l",), "a", 0, 1, "ok")
    second = Event(1, "act", ("l",), "b", 2, 3, "ok")

    assert judges.lists([first, second], {"l": kept(["a", "b"])}) == []
    for wrong in (["b", "a"], ["a", "b", "a"], ["a"]):
        assert judges.lists([first, second], {"l": kept(wrong)}) != []


def test_a_merge_undoes_nothing() -> None:
    first = Event(1, "write", ("d",), "x", 0, 1, "ok")
    second = Event(2, "write", ("d",), "y", 0, 1, "ok")

    assert judges.members([first, second], {"d": kept({"c1": "x", "c2": "y"})}) == []
    assert judges.members([first, second], {"d": kept({"c2": "y"})}) != []


def test_money_is_neither_made_nor_lost() -> None:
    judge = judges.balanced(2)
    half = Event(2, "read_many", ("a",), None, 0, 1, "ok", {"items": [{"value": {"n": 3}}]})
    even = {"a": kept({"n": 1, "id": "t"}), "b": kept({"n": 1, "id": "t"})}

    assert judge([], even) == []
    assert "3 of 2" in judge([half], even)[0]
    assert "1 of 2 is left" in judge([], {"a": kept({"n": 1, "id": "t"})})[0]
