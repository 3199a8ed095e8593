"""A change as it is kept while it waits, and back."""

from __future__ import annotations

from typing import Any

import orjson

from stateward.kernel.errors import Conflict
from stateward.state.services.changes import (
    Action,
    Bring,
    Change,
    Delete,
    Patch,
    Put,
    Restore,
    RollBack,
)
from stateward.state.values import decode, encode


def document_of(change: Change) -> bytes:
    """The bytes that are sealed: a head without numbers that JSON would bend, then the value."""
    if isinstance(change, Bring | Restore):
        raise Conflict("This kind of write does not wait for agreement.")
    head: dict[str, Any] = {"type": change.operation, "note": change.note}
    value: Any = None
    match change:
        case Put():
            value = change.value
            head |= {"ttl": change.ttl_seconds, "labels": change.labels}
        case Patch():
            value = change.document
            head["merge"] = change.is_merge
        case Action():
            value = change.payload
            head["action"] = change.type
        case RollBack():
            head["version"] = change.version
    return orjson.dumps(head) + b"\n" + encode(value)


def change_of(document: bytes) -> Change:
    text, _, raw = document.partition(b"\n")
    head = orjson.loads(text)
    value = decode(raw)
    match head["type"]:
        case "put":
            return Put(value, head["ttl"], head["labels"], head["note"])
        case "patch":
            return Patch(value, head["merge"], head["note"])
        case "action":
            return Action(head["action"], value, head["note"])
        case "rollback":
            return RollBack(head["version"], head["note"])
    return Delete(head["note"])
