"""Replicas converge, whatever the order and however often what they did arrives; and what arrives
is looked at before it is let in.
"""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text

from stateward.kernel.errors import StatewardError, TooLarge, Unprocessable
from stateward.state.crdt.kinds import (
    ACTIONS,
    EMPTY,
    TYPES,
    Grown,
    act,
    become,
    parse_crdt,
    value_of,
)
from stateward.state.crdt.replicas import Replica
from stateward.state.crdt.screening import MAX_STRUCTS, Unfit, clocks_of, screen
from stateward.state.exceptions import ActionConflict, BadMode, BadUpdate

KINDS = sorted(EMPTY)
ITEMS = st.sampled_from([1, 1.0, True, None, "x", 10**40, [1], {"a": 1}])
NAMES = st.sampled_from(["a", "b", "ü"])


def steps(kind: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """One thing that a replica does; places in a text are taken modulo its length."""
    by: dict[str, st.SearchStrategy[tuple[str, dict[str, Any]]]] = {
        "counter": st.tuples(
            st.just("increment"), st.fixed_dictionaries({"by": st.integers(-9, 10**30)})
        ),
        "set": st.tuples(
            st.sampled_from(["add", "remove"]), st.fixed_dictionaries({"item": ITEMS})
        ),
        "map": st.one_of(
            st.tuples(st.just("set"), st.fixed_dictionaries({"member": NAMES, "value": ITEMS})),
            st.tuples(st.just("unset"), st.fixed_dictionaries({"member": NAMES})),
        ),
        "text": st.one_of(
            st.tuples(
                st.just("insert"),
                st.fixed_dictionaries(
                    {"at": st.integers(0, 99), "text": st.sampled_from(["a", "bü", "😀c", ""])}
                ),
            ),
            st.tuples(
                st.just("delete"),
                st.fixed_dictionaries({"at": st.integers(0, 99), "length": st.integers(0, 3)}),
            ),
        ),
    }
    return by[kind]


def do(replica: Replica, step: tuple[str, dict[str, Any]]) -> bytes:
    """Carry the step out; the update that tells others of it."""
    before = replica.document.get_state()
    action, payload = step
    if replica.kind == "text":
        length = len(value_of(replica))
        at = payload["at"] % (length + 1)
        payload = payload | {"at": at}
        if "length" in payload:
            payload["length"] = min(payload["length"], length - at)
    ACTIONS[replica.kind, action](replica, payload)
    update: bytes = replica.document.get_update(before)
    return update


def apply(kind: str, state: bytes | None, update: bytes) -> Grown:
    return act(kind, state, "apply", {"update": base64.b64encode(update).decode()})


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_replicas_converge_in_any_order_and_with_duplicates(
    kind: str, data: st.DataObject, seed: int
) -> None:
    replicas = [Replica.begin(kind, name) for name in (1, 2, 3)]
    updates: list[bytes] = []
    for who, step in data.draw(
        st.lists(st.tuples(st.integers(0, 2), steps(kind)), min_size=1, max_size=14)
    ):
        updates.append(do(replicas[who], step))
        if data.draw(st.integers(0, 3)) == 0:  # somebody hears of something
            replicas[(who + 1) % 3].document.apply_update(replicas[who].document.get_update())
    shuffle = random.Random(seed)

    values = []
    for _ in range(2):
        order = updates + shuffle.sample(updates, len(updates) // 2)
        shuffle.shuffle(order)
        grown = None
        for update in order:
            grown = apply(kind, grown.state if grown else None, update)
        assert grown is not None
        assert Replica.load(kind, grown.state).pending == []
        values.append(grown.value)

    for replica in replicas:
        for update in updates:
            replica.document.apply_update(update)
    assert values == [value_of(replicas[0])] * 2 == [value_of(replicas[2])] * 2


@given(st.lists(st.integers(-(10**40), 10**40), max_size=8))
def test_a_counter_counts_every_increment(numbers: list[int]) -> None:
    state, total = None, 0
    for number in numbers:
        total, state = act("counter", state, "increment", {"by": number})

    assert total == sum(numbers)


def test_a_counter_of_decimals_does_not_ask_who_was_first() -> None:
    replicas = [Replica.begin("counter") for _ in range(3)]
    updates = [
        do(replica, ("increment", {"by": by}))
        for replica, by in zip(replicas, (0.1, 1e16, -1e16), strict=True)
    ]

    for order in (updates, updates[::-1]):
        state = None
        for update in order:
            value, state = apply("counter", state, update)
        assert value == 0.1


def test_a_removal_takes_what_it_saw() -> None:
    """Observed-remove: an addition made meanwhile stays, also of an item that was there before."""
    here, there = Replica.begin("set"), Replica.begin("set")
    do(here, ("add", {"item": "x"}))
    there.document.apply_update(here.document.get_update())

    removal = do(here, ("remove", {"item": "x"}))
    addition = do(there, ("add", {"item": "x"}))

    here.document.apply_update(addition)
    there.document.apply_update(removal)
    assert value_of(here) == value_of(there) == ["x"]
    do(there, ("remove", {"item": "x"}))
    assert value_of(there) == []


def test_a_set_reads_alike_everywhere() -> None:
    items = [{"a": 1}, [2], "b", "a", 10, 9.5, False, True, None]
    state = None
    for item in items:
        value, state = act("set", state, "add", {"item": item})

    assert value == [None, False, True, 9.5, 10, "a", "b", [2], {"a": 1}]
    value, state = act("set", state, "remove", {"item": 1})
    assert True in value
    value, _ = act("set", state, "remove", {"item": 10.0})
    assert 10 not in value


def test_of_two_that_set_a_member_the_one_that_knew_of_the_other_wins() -> None:
    here, there = Replica.begin("map"), Replica.begin("map")
    there.document.apply_update(do(here, ("set", {"member": "m", "value": 1})))
    here.document.apply_update(do(there, ("set", {"member": "m", "value": 2})))

    assert value_of(here) == {"m": 2}

    one = do(here, ("set", {"member": "m", "value": 3}))
    other = do(there, ("set", {"member": "m", "value": 4}))
    here.document.apply_update(other)
    there.document.apply_update(one)
    assert value_of(here) == value_of(there)


def test_concurrent_text_is_all_there() -> None:
    here = Replica.begin("text")
    do(here, ("insert", {"at": 0, "text": "one 😀 two"}))
    there = Replica.begin("text")
    there.document.apply_update(here.document.get_update())

    inserted = do(here, ("insert", {"at": 5, "text": "!"}))
    deleted = do(there, ("delete", {"at": 5, "length": 4}))
    here.document.apply_update(deleted)
    there.document.apply_update(inserted)

    assert value_of(here) == value_of(there) == "one 😀!"


def test_any_yjs_document_is_a_replica() -> None:
    text: Doc[Any] = Doc()
    text.get("value", type=Text).insert(0, "hello")
    sums: Doc[Any] = Doc()
    sums.get("value", type=Map)["desk-7"] = "41"
    items: Doc[Any] = Doc()
    items.get("value", type=Array).extend(['"x"', "10"])

    assert apply("text", None, text.get_update()).value == "hello"
    assert apply("set", None, items.get_update()).value == [10, "x"]
    value, state = apply("counter", None, sums.get_update())
    assert value == 41
    assert act("counter", state, "increment", {}).value == 42


def test_what_cannot_be_used_yet_is_kept() -> None:
    there: Doc[Any] = Doc()
    text = there.get("value", type=Text)
    text.insert(0, "abc")
    first, seen = there.get_update(), there.get_state()
    text.insert(3, "def")
    second = there.get_update(seen)

    value, state = apply("text", None, second)
    assert value == ""
    assert len(Replica.load("text", state).pending) == 1
    again = apply("text", state, second)
    assert len(Replica.load("text", again.state).pending) == 1
    value, state = apply("text", again.state, first)
    assert value == "abcdef"
    assert Replica.load("text", state).pending == []


def test_not_too_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stateward.state.crdt.replicas.MAX_PENDING", 2)
    state = None
    for client in (1, 2):
        state = apply("text", state, bytes((1, 1, client, 5, 0x84, client, 4, 1, 97, 0))).state

    with pytest.raises(TooLarge):
        apply("text", state, bytes((1, 1, 3, 5, 0x84, 3, 4, 1, 97, 0)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_rollback_is_one_more_operation(kind: str, data: st.DataObject) -> None:
    """It reads as before, and a replica that was away comes to the same with it."""
    state, away = None, Replica.begin(kind, 2)
    values = []
    for _ in range(data.draw(st.integers(2, 5))):
        here = Replica.begin(kind, 1) if state is None else Replica.load(kind, state)
        do(here, data.draw(steps(kind)))
        state = here.store()
        values.append(value_of(here))
        if data.draw(st.booleans()):
            away.document.apply_update(here.document.get_update())
    offline = do(away, data.draw(steps(kind)))

    back = become(kind, state, values[0])
    assert back.value == values[0]

    merged = apply(kind, back.state, offline)
    away.document.apply_update(Replica.load(kind, back.state).document.get_update())
    assert Replica.load(kind, merged.state).pending or merged.value == value_of(away)


def test_a_value_of_another_kind_is_none_to_go_back_to() -> None:
    for kind, value in (("counter", True), ("set", {}), ("map", []), ("text", 1)):
        with pytest.raises(ActionConflict):
            become(kind, None, value)


REFUSED: list[tuple[str, str, Any, str]] = [
    ("counter", "add", {}, "/type"),
    ("counter", "increment", 1, "/payload"),
    ("counter", "increment", {"by": "1"}, "/payload/by"),
    ("counter", "increment", {"by": True}, "/payload/by"),
    ("counter", "increment", {"by": 10**309}, "/payload/by"),
    ("counter", "increment", {"more": 1}, "/payload"),
    ("set", "add", {}, "/payload/item"),
    ("set", "remove", {"items": 1}, "/payload"),
    ("map", "set", {"member": "a"}, "/payload/value"),
    ("map", "set", {"member": 1, "value": 1}, "/payload/member"),
    ("map", "unset", {"member": "a", "value": 1}, "/payload"),
    ("text", "insert", {"at": 1, "text": "a"}, "/payload/at"),
    ("text", "insert", {"at": -1, "text": "a"}, "/payload/at"),
    ("text", "insert", {"at": True, "text": "a"}, "/payload/at"),
    ("text", "insert", {"at": 0, "text": 1}, "/payload/text"),
    ("text", "delete", {"at": 0, "length": 1}, "/payload/length"),
    ("text", "delete", {"at": 0}, "/payload/length"),
    ("text", "apply", {"update": 1}, "/payload/update"),
    ("text", "apply", {"update": "*"}, "/payload/update"),
    ("text", "apply", {"update": ""}, "/payload/update"),
]


@pytest.mark.parametrize(
    ("kind", "action", "payload", "pointer"),
    REFUSED,
    ids=[f"{case[0]}-{case[1]}-{n}" for n, case in enumerate(REFUSED)],
)
def test_what_is_no_action(kind: str, action: str, payload: Any, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        act(kind, None, action, payload)

    assert [fault.pointer for fault in refused.value.errors] == [pointer]


def test_what_is_no_kind() -> None:
    assert [parse_crdt({"type": kind}) for kind in KINDS] == KINDS
    assert sorted(TYPES) == KINDS
    for document in (None, {}, {"type": "list"}, {"type": "set", "of": 1}, "set"):
        with pytest.raises(BadMode):
            parse_crdt(document)


def varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes((*digits, number))


def text_of(text: bytes) -> bytes:
    return varint(len(text)) + text


ROOT = b"\x01" + text_of(b"value")
ONE = b"\x01\x01\x01\x00"  # one client, one struct, client 1 from clock 0
HOSTILE: dict[str, tuple[str, bytes]] = {
    "empty": ("text", b""),
    "cut": ("text", ONE),
    "more after it": ("text", b"\x00\x00\x00"),
    "more clients than bytes": ("text", b"\xff\x7f"),
    "an endless number": ("text", b"\xff" * 40),
    "a deletion of 2^31": ("text", b"\x00\x01\x01\x01\x00" + varint(2**31)),
    "a clock of 2^31": ("text", b"\x01\x01\x01" + varint(2**31) + b"\x04" + ROOT + b"\x01a\x00"),
    "an end beyond 2^31": (
        "text", b"\x01\x01\x01" + varint(2**31 - 1) + b"\x04" + ROOT + b"\x01a\x00",
    ),
    "a client of 2^54": ("text", b"\x01\x01" + varint(2**54) + b"\x00\x04" + ROOT + b"\x01a\x00"),
    "deleted characters beyond": ("text", ONE + b"\x01" + ROOT + varint(2**31) + b"\x00"),
    "an empty struct": ("text", ONE + b"\x04" + ROOT + b"\x00\x00"),
    "no length": ("text", ONE + b"\x00\x00\x00"),
    "a gap": ("text", ONE + b"\x0a\x05\x00"),
    "a nested type": ("map", ONE + b"\x27" + ROOT + b"\x01a\x01\x00"),
    "within a type": ("text", ONE + b"\x04\x00\x01\x00\x01a\x00"),
    "another root": ("text", ONE + b"\x04\x01" + text_of(b"other") + b"\x01a\x00"),
    "a format": ("text", ONE + b"\x06" + ROOT + text_of(b"bold") + text_of(b"true") + b"\x00"),
    "binary": ("set", ONE + b"\x03" + ROOT + text_of(b"x") + b"\x00"),
    "a member of a text": ("text", ONE + b"\x24" + ROOT + b"\x01a\x01a\x00"),
    "an item of a map": ("map", ONE + b"\x08" + ROOT + b"\x01w\x011\x00"),
    "characters in a set": ("set", ONE + b"\x04" + ROOT + b"\x01a\x00"),
    "a value in a text": ("text", ONE + b"\x08" + ROOT + b"\x01w\x011\x00"),
    "a number that is no text": ("set", ONE + b"\x08" + ROOT + b"\x01}\x01\x00"),
    "no JSON": ("set", ONE + b"\x08" + ROOT + b"\x01w" + text_of(b"{") + b"\x00"),
    "JSON that is not strict": ("set", ONE + b"\x08" + ROOT + b"\x01w" + text_of(b"NaN") + b"\x00"),
    "no number in a counter": (
        "counter", ONE + b"\x28" + ROOT + b"\x01a" + b"\x01w" + text_of(b"true") + b"\x00",
    ),
    "U+0000": ("text", ONE + b"\x04" + ROOT + b"\x01\x00\x00"),
    "not UTF-8": ("text", ONE + b"\x04" + ROOT + b"\x01\xff\x00"),
    "a client twice": (
        "text", b"\x02" + (b"\x01\x01\x00\x04" + ROOT + b"\x01a") * 2 + b"\x00",
    ),
    "built on itself": ("text", ONE + b"\x84\x01\x00\x01a\x00"),
    "too many structs": (
        "text",
        b"\x01" + varint(MAX_STRUCTS + 1) + b"\x01\x00"
        + (b"\x04" + ROOT + b"\x01a") * (MAX_STRUCTS + 1) + b"\x00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_hostile_update_may_do(name: str) -> None:
    kind, update = HOSTILE[name]

    with pytest.raises(BadUpdate) as refused:
        apply(kind, None, update)

    assert [fault.pointer for fault in refused.value.errors] == ["/payload/update"]


def test_an_update_has_a_size() -> None:
    with pytest.raises(TooLarge):
        act("text", None, "apply", {"update": "A" * 800_000})


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_altered_update_is_refused_or_harmless(data: st.DataObject) -> None:
    """Never a crash, never a value that is not JSON of its kind, whatever bytes arrive."""
    kind = data.draw(st.sampled_from(KINDS))
    replica = Replica.begin(kind, 1)
    for step in data.draw(st.lists(steps(kind), min_size=1, max_size=4)):
        do(replica, step)
    update = bytearray(replica.document.get_update())
    for _ in range(data.draw(st.integers(0, 3))):
        update[data.draw(st.integers(0, 999)) % len(update)] = data.draw(st.integers(0, 255))

    try:
        grown = apply(kind, None, bytes(update))
    except StatewardError:
        return
    assert type(grown.value) in {type(EMPTY[kind]), int, float}
    again = Replica.load(kind, grown.state)
    assert value_of(again) == grown.value


def test_what_an_update_reaches() -> None:
    there: Doc[Any] = Doc(client_id=5)
    text = there.get("value", type=Text)
    text.insert(0, "a😀b")
    del text[0:1]
    found = screen("text", there.get_update())

    assert found.ends == {5: 4}  # UTF-16 units
    assert found.deletes == {5: 1}
    assert found.is_ready({})
    assert found.is_covered(clocks_of(there.get_state()))
    assert not found.is_covered({5: 3})
    with pytest.raises(Unfit):
        clocks_of(b"\x00\x00")
