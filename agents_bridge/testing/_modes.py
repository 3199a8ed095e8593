"""The fake server's modes: merging a put, and what actions make of a value.

As the real one does it for one caller at a time; it has no replicas, so it takes no ``apply``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from agents_bridge.testing._problems import Refusal, unprocessable

ABSENT: Any = object()
EMPTY: dict[str, Any] = {"counter": 0, "set": [], "map": {}, "text": ""}
STATUSES = {"ADD": "open", "COMPLETE": "completed", "FAIL": "failed"}


def acted(settings: dict[str, Any], old: Any, kind: str, payload: Any) -> Any:
    """The value after an action; ``old`` is ABSENT where there is no entry."""
    value = old if old is ABSENT else copy.deepcopy(old)  # a copy of ABSENT is another object
    if settings["concurrency"] == "reducer":
        reducer = settings["reducer"]
        types = tuple(STATUSES) if reducer["name"] == "task_list" else (reducer["name"],)
        if kind not in types:
            raise unprocessable(f"One of {', '.join(types)}.", "/type")
        return _reduced(reducer, value, kind, payload)
    if settings["concurrency"] == "crdt":
        type_ = settings["crdt"]["type"]
        change = _CHANGES.get((type_, kind))
        if change is None:
            raise unprocessable("The fake server knows no such action.", "/type")
        return change(copy.deepcopy(EMPTY[type_]) if value is ABSENT else value, payload)
    raise Refusal(409, "action_conflict", "The namespace takes no actions.")


def merged(base: Any, theirs: Any, ours: Any, at: str, conflicts: list[str]) -> Any:
    """A three-way merge, member by member."""
    if same(theirs, ours) or same(base, ours):
        return theirs
    if same(base, theirs):
        return ours
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        conflicts.append(at)
        return theirs
    was = base if isinstance(base, dict) else {}
    found = {}
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        place = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        sides = [side.get(name, ABSENT) for side in (was, theirs, ours)]
        value = merged(sides[0], sides[1], sides[2], place, conflicts)
        if value is not ABSENT:
            found[name] = value
    return found


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _reduced(reducer: dict[str, Any], value: Any, kind: str, payload: Any) -> Any:
    name = reducer["name"]
    if name in {"add", "max", "min", "set_once"}:
        return payload if value is ABSENT else _FOLDS[name](value, payload)
    items = [] if value is ABSENT else value
    if name == "upsert_by":
        return _upserted(items, reducer["by"], payload)
    if name == "task_list":
        return _tasked(items, kind, payload)
    return _FOLDS[name](items, payload)


def _upserted(items: list[Any], by: str, payload: Any) -> list[Any]:
    for place, item in enumerate(items):
        if same(item.get(by), payload[by]):
            items[place] = payload
            return items
    return [*items, payload]


def _tasked(tasks: list[Any], kind: str, payload: Any) -> list[Any]:
    place = next((n for n, task in enumerate(tasks) if task["id"] == payload["id"]), None)
    status = {"status": STATUSES[kind]}
    if kind == "ADD" and place is None:
        return [*tasks, {**payload, **status}]
    if kind == "ADD" or place is None or tasks[place]["status"] != "open":
        raise Refusal(409, "action_conflict", "The action does not fit the value as it is.")
    tasks[place] = {**tasks[place], **payload, **status}
    return tasks


def _without(items: list[Any], gone: Any) -> list[Any]:
    return [item for item in items if not same(item, gone)]


def _inserted(text: str, payload: Any) -> str:
    return text[: payload["at"]] + str(payload["text"]) + text[payload["at"] :]


def _deleted(text: str, payload: Any) -> str:
    return text[: payload["at"]] + text[payload["at"] + payload["length"] :]


def _united(items: list[Any], payload: list[Any]) -> list[Any]:
    for item in payload:
        items = [*items, *([] if any(same(item, known) for known in items) else [item])]
    return items


_FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "append": lambda old, item: [*old, item],
    "union": _united,
    "remove": lambda old, gone: [one for one in old if not any(same(one, each) for each in gone)],
    "add": lambda old, number: old + number,
    "max": max,
    "min": min,
    "set_once": lambda old, _: old,
}
_CHANGES: dict[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("counter", "increment"): lambda old, payload: old + payload.get("by", 1),
    ("set", "add"): lambda old, payload: [*_without(old, payload["item"]), payload["item"]],
    ("set", "remove"): lambda old, payload: _without(old, payload["item"]),
    ("map", "set"): lambda old, payload: {**old, payload["member"]: payload["value"]},
    ("map", "unset"): lambda old, payload: {
        name: value for name, value in old.items() if name != payload["member"]
    },
    ("text", "insert"): _inserted,
    ("text", "delete"): _deleted,
}
