"""The four kinds of converging values, and what their actions do."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from stateward.kernel import strictjson
from stateward.kernel.errors import Fault, TooLarge, unfit
from stateward.state.crdt.replicas import Replica
from stateward.state.crdt.screening import MAX_UPDATE_BYTES
from stateward.state.exceptions import ActionConflict, BadMode
from stateward.state.reducers import add, is_number
from stateward.state.sameness import identity, same

EMPTY: Mapping[str, Any] = {"counter": 0, "set": [], "map": {}, "text": ""}
TYPES: Mapping[str, tuple[str, ...]] = {
    "counter": ("increment", "apply"),
    "set": ("add", "remove", "apply"),
    "map": ("set", "unset", "apply"),
    "text": ("insert", "delete", "apply"),
}


class Grown(NamedTuple):
    """A value as it is read, and the replica state it was computed from."""

    value: Any
    state: bytes


def parse_crdt(document: Any) -> str:
    """The kind that a namespace's ``crdt`` member names. BadMode (422) where it names none."""
    kind = document.get("type") if isinstance(document, dict) else None
    if kind not in EMPTY or len(document) > 1:
        message = f'{{"type": …}} with one of {", ".join(EMPTY)}'
        raise BadMode(f"crdt: {message}.", errors=(Fault("/crdt", message),))
    return str(kind)


def act(kind: str, state: bytes | None, action_type: str, payload: Any) -> Grown:
    """What an action makes of a key; ``state`` is None where there is no entry.

    422 for a type or payload that the kind does not take.
    """
    if action_type not in TYPES[kind]:
        raise unfit("type", f"one of {', '.join(TYPES[kind])}")
    if not isinstance(payload, dict):
        raise unfit("payload", "an object")
    replica = Replica.begin(kind) if state is None else Replica.load(kind, state)
    if action_type == "apply":
        replica.merge(_update_of(payload))
    else:
        ACTIONS[kind, action_type](replica, payload)
    return _grown(replica)


def become(kind: str, state: bytes | None, value: Any) -> Grown:
    """Change a key so that it reads ``value``, by actions like any other: a replica that was away
    converges with it. 409 ``action_conflict`` where no value of the kind looks so.
    """
    replica = Replica.begin(kind) if state is None else Replica.load(kind, state)
    if not _is_of(kind, value):
        raise ActionConflict(f"That value is no {kind}.")
    _BECOME[kind](replica, value)
    return _grown(replica)


def begin(kind: str, value: Any) -> Grown:
    """The same for a key that is not there yet."""
    return become(kind, None, value)


def value_of(replica: Replica) -> Any:
    """The value as it is read: plain JSON."""
    return _READ[replica.kind](replica)


def _grown(replica: Replica) -> Grown:
    return Grown(value_of(replica), replica.store())


def _increment(replica: Replica, payload: dict[str, Any]) -> None:
    by = _member(payload, "by") if payload else 1
    if not is_number(by):
        raise unfit("payload/by", "a number")
    sums, name = replica.as_map(), str(replica.id)
    mine = json.loads(sums[name]) if name in sums else 0
    sums[name] = _text(add(mine, by, "/payload/by"))


def _add_item(replica: Replica, payload: dict[str, Any]) -> None:
    item = _member(payload, "item")
    _remove_item(replica, {"item": item})  # this addition stands for those seen before it
    replica.as_array().append(_text(item))


def _remove_item(replica: Replica, payload: dict[str, Any]) -> None:
    """Remove the additions that are seen here."""
    item = _member(payload, "item")
    additions = replica.as_array()
    places = [at for at, text in enumerate(additions) if same(json.loads(text), item)]
    with replica.document.transaction():
        for place in reversed(places):
            del additions[place]


def _set_member(replica: Replica, payload: dict[str, Any]) -> None:
    name = _name(payload, beside={"value"})
    if "value" not in payload:
        raise unfit("payload/value", "missing")
    replica.as_map()[name] = _text(payload["value"])


def _unset_member(replica: Replica, payload: dict[str, Any]) -> None:
    name = _name(payload)
    members = replica.as_map()
    if name in members:
        del members[name]


def _insert(replica: Replica, payload: dict[str, Any]) -> None:
    text = replica.as_text()
    now = str(text)
    at = _place(payload, "at", len(now), beside={"text"})
    new = payload.get("text")
    if not isinstance(new, str):
        raise unfit("payload/text", "a text")
    if new:
        text.insert(_bytes(now, at), new)


def _delete(replica: Replica, payload: dict[str, Any]) -> None:
    text = replica.as_text()
    now = str(text)
    at = _place(payload, "at", len(now), beside={"length"})
    length = _place(payload, "length", len(now) - at, beside={"at"})
    if length:
        del text[_bytes(now, at) : _bytes(now, at + length)]


def _bytes(text: str, characters: int) -> int:
    """pycrdt counts UTF-8 bytes where the API counts characters."""
    return len(text[:characters].encode())


ACTIONS: Mapping[tuple[str, str], Callable[[Replica, dict[str, Any]], None]] = {
    ("counter", "increment"): _increment,
    ("set", "add"): _add_item,
    ("set", "remove"): _remove_item,
    ("map", "set"): _set_member,
    ("map", "unset"): _unset_member,
    ("text", "insert"): _insert,
    ("text", "delete"): _delete,
}


def _count(replica: Replica) -> Any:
    """Exact for integers; with others among them the nearest float to the exact sum, whatever the
    order.
    """
    sums = [json.loads(text) for text in replica.as_map().values()]
    if all(isinstance(one, int) for one in sums):
        total: int | float = sum(sums)
    else:
        try:
            total = float(sum(map(Fraction, sums)))
        except OverflowError:
            total = math.inf
    return add(total, 0, "/payload")


def _items(replica: Replica) -> list[Any]:
    found: dict[Any, Any] = {}
    for text in replica.as_array():
        item = json.loads(text)
        found.setdefault(identity(item), item)
    return sorted(found.values(), key=_rank)


def _rank(item: Any) -> tuple[int, Any]:
    """An order of JSON values, so that a set reads alike everywhere: null, words, numbers, texts,
    lists, objects.
    """
    if item is None or isinstance(item, bool):
        return (0, 0) if item is None else (1, item)
    if isinstance(item, int | float):
        return 2, item
    if isinstance(item, str):
        return 3, item
    return (4 if isinstance(item, list) else 5), json.dumps(item, sort_keys=True)


def _object(replica: Replica) -> dict[str, Any]:
    members = replica.as_map()
    return {name: json.loads(text) for name, text in sorted(members.items())}


_READ: Mapping[str, Callable[[Replica], Any]] = {
    "counter": _count,
    "set": _items,
    "map": _object,
    "text": lambda replica: str(replica.as_text()),
}


def _become_count(replica: Replica, value: Any) -> None:
    by = add(value, -_count(replica), "/payload")
    if by:
        _increment(replica, {"by": by})


def _become_set(replica: Replica, value: Any) -> None:
    wanted = {identity(item) for item in value}
    present = _items(replica)
    for item in present:
        if identity(item) not in wanted:
            _remove_item(replica, {"item": item})
    known = {identity(item) for item in present}
    for item in value:
        if identity(item) not in known:
            _add_item(replica, {"item": item})


def _become_map(replica: Replica, value: Any) -> None:
    present = _object(replica)
    for name in present:
        if name not in value:
            _unset_member(replica, {"member": name})
    for name, member in value.items():
        if name not in present or not same(present[name], member):
            _set_member(replica, {"member": name, "value": member})


def _become_text(replica: Replica, value: Any) -> None:
    """What both begin and end with stays as it is."""
    now = str(replica.as_text())
    most = min(len(now), len(value))
    start = 0
    while start < most and now[start] == value[start]:
        start += 1
    tail = 0
    while tail < most - start and now[-1 - tail] == value[-1 - tail]:
        tail += 1
    _delete(replica, {"at": start, "length": len(now) - tail - start})
    _insert(replica, {"at": start, "text": value[start : len(value) - tail]})


_BECOME: Mapping[str, Callable[[Replica, Any], None]] = {
    "counter": _become_count,
    "set": _become_set,
    "map": _become_map,
    "text": _become_text,
}


def _is_of(kind: str, value: Any) -> bool:
    if kind == "counter":
        return is_number(value)
    return isinstance(value, type(EMPTY[kind]))


def _update_of(payload: dict[str, Any]) -> bytes:
    text = _member(payload, "update")
    if not isinstance(text, str):
        raise unfit("payload/update", "a text, base64")
    if len(text) > MAX_UPDATE_BYTES * 4 // 3 + 4:
        raise TooLarge(f"An update has at most {MAX_UPDATE_BYTES:,} bytes.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise unfit("payload/update", "not base64") from None


def _member(
    payload: dict[str, Any], name: str, *, beside: frozenset[str] | set[str] = frozenset()
) -> Any:
    """The member of that name; ``beside`` are others there may be."""
    for given in payload:
        if given != name and given not in beside:
            raise unfit("payload", f"there is no member {given!r} here")
    if name not in payload:
        raise unfit(f"payload/{name}", "missing")
    return payload[name]


def _name(payload: dict[str, Any], *, beside: frozenset[str] | set[str] = frozenset()) -> str:
    name = _member(payload, "member", beside=beside)
    if not isinstance(name, str):
        raise unfit("payload/member", "a text")
    return name


def _place(payload: dict[str, Any], name: str, most: int, *, beside: set[str]) -> int:
    place = _member(payload, name, beside=beside)
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place <= most:
        raise unfit(f"payload/{name}", f"a number of characters from 0 to {most:,}")
    return place


def _text(value: Any) -> str:
    return strictjson.dumps(value).decode()
