"""The fake server's transactions, and reads of many keys."""

from __future__ import annotations

import copy
from typing import Any

from agents_bridge.testing._entries import Answer
from agents_bridge.testing._modes import ABSENT, acted
from agents_bridge.testing._patch import json_patch, merge_patch
from agents_bridge.testing._problems import Refusal, malformed, unprocessable
from agents_bridge.testing._requests import Asked
from agents_bridge.testing._store import Preconditions, Space, Store

_CONDITIONS = {"if_version", "if_absent", "fencing_token"}
_MEMBERS = {
    "put": {"value", "ttl_seconds", "labels", "note"},
    "patch": {"merge_patch", "json_patch", "note"},
    "action": {"type", "payload", "note"},
    "delete": {"note"},
    "check": set[str](),
}


def transactions(store: Store, asked: Asked, name: str) -> Answer:
    operations = asked.members("operations", required=("operations",))["operations"]
    if not isinstance(operations, list) or not 0 < len(operations) <= 1000:
        raise unprocessable("A transaction has 1 to 1,000 operations.", "/operations")
    before = copy.deepcopy((store.spaces, store.records, store.log))
    now = store.clock()
    clock, store.clock = store.clock, lambda: now  # one transaction has one time
    results = []
    try:
        _check_all(store, operations, name)
        for number, operation in enumerate(operations):
            with _At(number):
                results.append(_carry_out(store, operation, operation.get("namespace", name)))
    except Refusal:
        store.spaces, store.records, store.log = before
        raise
    finally:
        store.clock = clock
    headers = {"Stateward-Consistency-Token": f"fake-{len(store.records)}"}
    return Answer(200, {"results": results}, headers)


def reads(store: Store, asked: Asked, name: str) -> Answer:
    body = asked.members("keys", "values", required=("keys",))
    keys = body["keys"]
    if not isinstance(keys, list) or not 0 < len(keys) <= 1000:
        raise unprocessable("A list of 1 to 1,000 keys.", "/keys")
    items = []
    for asked_for in keys:
        place, key = name, asked_for
        if isinstance(asked_for, dict):
            place, key = asked_for.get("namespace", name), asked_for["key"]
        try:
            stored = store.current(store.space(place), key)
        except Refusal:
            continue
        items.append(store.entry(place, key, stored, values=body.get("values", True)))
    return Answer(200, {"items": items})


class _At:
    """Puts the pointers of what is refused below the operation."""

    def __init__(self, number: int) -> None:
        self._place = f"/operations/{number}"

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, Refusal):
            faults = error.members.get("errors") or [{"pointer": "", "message": error.detail}]
            error.members["errors"] = [
                {**fault, "pointer": self._place + fault["pointer"]} for fault in faults
            ]


def _check_all(store: Store, operations: list[Any], name: str) -> None:
    """What must hold before anything is done: form, one write a key, and all the checks."""
    written: set[tuple[str, str]] = set()
    for number, operation in enumerate(operations):
        with _At(number):
            op = operation.get("op") if isinstance(operation, dict) else None
            if op not in _MEMBERS:
                raise unprocessable(f"The fake knows the operations {', '.join(_MEMBERS)}.", "/op")
            unknown = operation.keys() - {"op", "key", "namespace"} - _CONDITIONS - _MEMBERS[op]
            for member in unknown:
                raise malformed("The operation has a member not known here.", f"/{member}")
            place = (operation.get("namespace", name), operation["key"])
            if op == "check":
                store.check(store.space(place[0]), place[1], _demands(operation))
            elif place in written:
                detail = "A transaction writes each key at most once: it has one time."
                raise Refusal(422, "repeated_key", detail, pointer="/key")
            else:
                written.add(place)


def _carry_out(store: Store, operation: dict[str, Any], name: str) -> dict[str, Any]:
    op, key, demands = operation["op"], operation["key"], _demands(operation)
    space = store.space(name)
    if op == "check":
        there = store.check(space, key, demands)
        return _bare(op, 200, name, key, there.version if there else None)
    given = {
        each: operation[each] for each in ("ttl_seconds", "labels", "note") if each in operation
    }
    value = _value(store, space, operation)
    stored, created = store.write(name, key, op, value, demands, **given)
    action = "state.delete" if op == "delete" else "state.write"
    store.record(action, "allow", namespace=name, key=key, version=stored.version)
    if op == "delete":
        return _bare(op, 204, name, key, stored.version)
    status = 201 if created and op != "action" else 200
    return {"op": op, "status": status, **store.entry(name, key, stored)}


def _value(store: Store, space: Space, operation: dict[str, Any]) -> Any:
    """What the operation makes of the key."""
    op, key = operation["op"], operation["key"]
    if op == "put":
        return operation["value"]
    if op == "action":
        present = store.check(space, key, _demands(operation))
        old = present.value if present is not None else ABSENT
        return acted(space.settings, old, operation["type"], operation["payload"])
    present = store.current(space, key)
    if op == "delete":
        return None
    if "merge_patch" in operation:
        return merge_patch(present.value, operation["merge_patch"])
    return json_patch(present.value, operation["json_patch"])


def _demands(operation: dict[str, Any]) -> Preconditions:
    return Preconditions(
        if_match=operation.get("if_version"), only_if_absent=operation.get("if_absent", False)
    )


def _bare(op: str, status: int, name: str, key: str, version: int | None) -> dict[str, Any]:
    return {"op": op, "status": status, "namespace": name, "key": key, "version": version}
