"""Reducers: how the value of a key grows by actions. Pure functions.

A namespace in ``reducer`` mode names one: ``{"name": "append"}``, or with its option ``{"name":
"upsert_by", "by": "id"}``. An action's ``type`` is the reducer's name, its ``payload`` the operand
itself; ``task_list`` takes three types, ``ADD``, ``COMPLETE`` and ``FAIL``.

    reducer     value      payload     a key that is not there yet begins from
    append      list       one item    []
    union       list       a list      []      items that are there already are not added again
    remove      list       a list      []      every item that is the same as one of them goes
    add         number     a number    0
    max, min    number     a number    the payload: nothing is smaller or greater than nothing
    set_once    anything   anything    the payload; from then on it stays
    upsert_by   list       an object   []      replaces the object of the same key, else is added
    task_list   list       {"id", …}   []

Items are the same when they are one JSON value (``sameness.py``). Integers stay exact, however
long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stateward.kernel.errors import Fault, unfit
from stateward.state.exceptions import ActionConflict, BadMode
from stateward.state.merging import ABSENT
from stateward.state.sameness import identity, same

TASK_TYPES = {"ADD": "open", "COMPLETE": "completed", "FAIL": "failed"}
OPEN = "open"
MAX_DIGITS = 1000  # of a number, as everywhere
MAX_MEMBER_NAME = 255


class Reducer(NamedTuple):
    """A namespace's reducer: its name, and the member that ``upsert_by`` goes by."""

    name: str
    by: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """The action types it takes."""
        return tuple(TASK_TYPES) if self.name == "task_list" else (self.name,)


def parse_reducer(document: Any) -> Reducer:
    """The reducer a namespace's ``reducer`` member describes. BadMode (422) where it is none."""
    if not isinstance(document, dict):
        raise _bad("", 'an object such as {"name": "append"}')
    name = document.get("name")
    if not isinstance(name, str) or name not in REDUCERS:
        raise _bad("/name", f"one of {', '.join(REDUCERS)}")
    for member in document:
        if member != "name" and not (member == "by" and name == "upsert_by"):
            raise _bad(f"/{member}", f"no option of {name}")
    if name != "upsert_by":
        return Reducer(name)
    by = document.get("by")
    if not isinstance(by, str) or not 0 < len(by) <= MAX_MEMBER_NAME:
        raise _bad("/by", "the name of the member that objects are known by")
    return Reducer(name, by)


def reduce(reducer: Reducer, old: Any, action_type: str, payload: Any) -> Any:
    """The value after one action on ``old``, which is ABSENT where there is no entry.

    422 for a type or payload that the reducer does not take, 409 ``action_conflict`` where it does
    not fit the value as it is.
    """
    if action_type not in reducer.types:
        raise unfit("type", f"one of {', '.join(reducer.types)}")
    return REDUCERS[reducer.name](old, payload, _Asked(reducer, action_type))


class _Asked(NamedTuple):
    reducer: Reducer
    type: str


def _append(old: Any, payload: Any, _asked: _Asked) -> Any:
    return [*_list_of(old), payload]


def _union(old: Any, payload: Any, _asked: _Asked) -> Any:
    items = list(_list_of(old))
    known = {identity(item) for item in items}
    for item in _payload_list(payload):
        if (who := identity(item)) not in known:
            known.add(who)
            items.append(item)
    return items


def _remove(old: Any, payload: Any, _asked: _Asked) -> Any:
    items = _list_of(old)
    gone = {identity(item) for item in _payload_list(payload)}
    return [item for item in items if identity(item) not in gone]


def _add(old: Any, payload: Any, _asked: _Asked) -> Any:
    return add(_number_of(old, 0), _payload_number(payload), "/payload")


def _max(old: Any, payload: Any, _asked: _Asked) -> Any:
    operand = _payload_number(payload)
    return max(_number_of(old, operand), operand)


def _min(old: Any, payload: Any, _asked: _Asked) -> Any:
    operand = _payload_number(payload)
    return min(_number_of(old, operand), operand)


def _set_once(old: Any, payload: Any, _asked: _Asked) -> Any:
    return payload if old is ABSENT else old


def _upsert(old: Any, payload: Any, asked: _Asked) -> Any:
    if not isinstance(payload, dict):
        raise unfit("payload", "an object")
    key = _key_of(payload, asked.reducer.by, "/payload")
    items = list(_list_of(old))
    for position, item in enumerate(items):
        if (
            isinstance(item, dict)
            and asked.reducer.by in item
            and same(item[asked.reducer.by], key)
        ):
            items[position] = payload
            return items
    return [*items, payload]


def _task(old: Any, payload: Any, asked: _Asked) -> Any:
    """A task is an object with an ``id`` and a ``status``: open, then completed or failed, once."""
    if not isinstance(payload, dict):
        raise unfit("payload", "an object with an id")
    name = _key_of(payload, "id", "/payload")
    if "status" in payload:
        raise unfit("payload/status", "given by the action's type")
    tasks = _list_of(old)
    position = next(
        (
            place
            for place, task in enumerate(tasks)
            if isinstance(task, dict) and "id" in task and same(task["id"], name)
        ),
        None,
    )
    status = {"status": TASK_TYPES[asked.type]}
    if asked.type == "ADD":
        if position is not None:
            raise _conflict("there is a task of this id already")
        return [*tasks, payload | status]
    if position is None:
        raise _conflict("there is no task of this id")
    task = tasks[position]
    if task.get("status") != OPEN:
        raise _conflict(f"the task is {task.get('status')} already")
    return [*tasks[:position], task | payload | status, *tasks[position + 1 :]]


REDUCERS: Mapping[str, Callable[[Any, Any, _Asked], Any]] = {
    "append": _append,
    "union": _union,
    "remove": _remove,
    "add": _add,
    "max": _max,
    "min": _min,
    "set_once": _set_once,
    "upsert_by": _upsert,
    "task_list": _task,
}


def add(one: int | float, other: int | float, pointer: str) -> int | float:
    """The sum, exact for integers; 422 where it would be no number that JSON here can hold."""
    try:
        total = one + other
    except OverflowError:
        total = math.inf
    if not is_kept(total):
        raise unfit(pointer[1:], "the sum is beyond binary64's range")
    return total


def is_kept(number: int | float) -> bool:
    """Whether a number can be stored: of at most 1,000 digits, within binary64's range."""
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list_of(old: Any) -> list[Any]:
    if old is ABSENT:
        return []
    if not isinstance(old, list):
        raise ActionConflict("The value is not a list, as this action needs it.")
    return old


def _number_of(old: Any, empty: int | float) -> int | float:
    if old is ABSENT:
        return empty
    if not is_number(old):
        raise ActionConflict("The value is not a number, as this action needs it.")
    number: int | float = old
    return number


def _payload_list(payload: Any) -> list[Any]:
    if not isinstance(payload, list):
        raise unfit("payload", "a list")
    return payload


def _payload_number(payload: Any) -> int | float:
    if not is_number(payload):
        raise unfit("payload", "a number")
    number: int | float = payload
    return number


def _key_of(payload: dict[str, Any], member: str, pointer: str) -> Any:
    key = payload.get(member)
    if key is None or isinstance(key, dict | list):
        name = member.replace("~", "~0").replace("/", "~1")
        raise unfit(f"{pointer[1:]}/{name}", "a text, a number or a boolean that names the object")
    return key


def _conflict(message: str) -> ActionConflict:
    return ActionConflict(
        f"{message[0].upper()}{message[1:]}.", errors=(Fault("/payload/id", message),)
    )


def _bad(pointer: str, message: str) -> BadMode:
    return BadMode(f"reducer{pointer}: {message}.", errors=(Fault(f"/reducer{pointer}", message),))
