"""Transactions over HTTP, and reads of many keys: parse → one service or query → render."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stateward.kernel.errors import Fault, Malformed, Unprocessable
from stateward.state.dataplane.agreeing import all_or_wait, waits
from stateward.state.dataplane.asked import Asked, Routes
from stateward.state.gathering import MAX_KEYS, Place, get_entries
from stateward.state.parsing import (
    PUT_MEMBERS,
    check_members,
    json_body,
    parse_action,
    parse_note,
    parse_put,
    parse_repeat,
    parse_version_member,
)
from stateward.state.pending.holding import Kept
from stateward.state.queries import NEWEST
from stateward.state.rendering import data_answer, entry_body
from stateward.state.services import entries
from stateward.state.services.transactions import (
    MAX_OPERATIONS,
    Check,
    Operation,
    Result,
    at_operation,
    transact,
)
from stateward.web.asgi import MAX_BODY, Answer

CONDITIONS = frozenset({"if_version", "if_absent", "fencing_token"})
COMMON = frozenset({"op", "key", "namespace"}) | CONDITIONS
Document = dict[str, Any]


async def post_transaction(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", MAX_BODY)
    operations = parse_operations(document, asked.namespace)
    repeat = parse_repeat(asked.request, body)
    flow = transact(asked.actor, asked.call, operations, repeat=repeat)
    done = await all_or_wait(asked, operations, repeat, flow)
    if isinstance(done, Kept):
        return waits(done)
    headers = [(b"idempotency-replayed", b"true")] if done.is_replay else []
    results = [_result_body(result) for result in done.results]
    return data_answer(200, {"results": results}, *headers)


def parse_operations(document: Any, namespace: str) -> list[Operation]:
    """The operations of a transaction posted to ``namespace``."""
    check_members(document, {"operations"}, required={"operations"})
    listed = document["operations"]
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_OPERATIONS:
        message = f"a list of 1 to {MAX_OPERATIONS:,} operations"
        raise Unprocessable(f"operations: {message}.", errors=(Fault("/operations", message),))
    operations = []
    for number, one in enumerate(listed):
        with at_operation(number):
            operations.append(_operation(one, namespace))
    return operations


async def post_reads(asked: Asked) -> Answer:
    """A POST, for what a URL has no room for; it changes nothing."""
    _, document = await json_body(asked.request, "application/json", MAX_BODY)
    check_members(document, {"keys", "values"}, required={"keys"})
    with_values = document.get("values", True)
    if not isinstance(with_values, bool):
        raise Malformed("values is true or false.", errors=(Fault("/values", "not a boolean"),))
    if asked.reading is not None:
        asked.reading.is_read = True
    places = parse_places(document["keys"], asked.namespace)
    flow = get_entries(asked.actor, asked.call, places, with_values=with_values)
    items = [entry_body(entry, with_value=with_values) for entry in await asked.drive(flow)]
    return data_answer(200, {"items": items})


def parse_places(listed: Any, namespace: str) -> list[Place]:
    """Keys of ``namespace``, each a text, or of others: ``{"namespace", "key"}``."""
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_KEYS:
        message = f"a list of 1 to {MAX_KEYS:,} keys"
        raise Unprocessable(f"keys: {message}.", errors=(Fault("/keys", message),))
    places = []
    for number, one in enumerate(listed):
        place = one if isinstance(one, dict) else {"key": one}
        if place.keys() - {"namespace", "key"} or not all(
            isinstance(place.get(name), str) for name in ("key", *place)
        ):
            message = "a key, or an object of namespace and key"
            raise Malformed(f"Not {message}.", errors=(Fault(f"/keys/{number}", f"not {message}"),))
        places.append(Place(place.get("namespace", namespace), place["key"]))
    return places


def _operation(document: Any, namespace: str) -> Operation:
    name = document.get("op") if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in KINDS:
        check_members(
            document, set(document) if isinstance(document, dict) else set(), required={"op"}
        )
        known = ", ".join(KINDS)
        raise Unprocessable(f"op is one of {known}.", errors=(Fault("/op", f"one of {known}"),))
    members, required, parse = KINDS[name]
    check_members(document, {*COMMON, *members}, required={"op", "key", *required})
    for member in ("key", "namespace"):
        if not isinstance(document.get(member, ""), str):
            raise Malformed(f"{member} is a text.", errors=(Fault(f"/{member}", "not a text"),))
    return Operation(
        document.get("namespace", namespace),
        document["key"],
        parse(document),
        _conditions(document),
    )


def _put(document: Document) -> entries.Put:
    return parse_put({name: document[name] for name in PUT_MEMBERS if name in document})


def _patch(document: Document) -> entries.Patch:
    if ("merge_patch" in document) == ("json_patch" in document):
        message = "a patch has either merge_patch or json_patch"
        raise Malformed(f"{message[0].upper()}{message[1:]}.", errors=(Fault("", message),))
    is_merge = "merge_patch" in document
    patch = document["merge_patch" if is_merge else "json_patch"]
    return entries.Patch(patch, is_merge, parse_note(document.get("note")))


def _action(document: Document) -> entries.Action:
    members = ("type", "payload", "note")
    return parse_action({name: document[name] for name in members if name in document})


def _delete(document: Document) -> entries.Delete:
    return entries.Delete(parse_note(document.get("note")))


def _check(document: Document) -> Check:
    if not any(document.get(name) for name in CONDITIONS):
        message = "a check names if_version, if_absent or fencing_token"
        raise Malformed(f"{message[0].upper()}{message[1:]}.", errors=(Fault("", message),))
    return Check()


# By name: the members besides the common ones, those that are required, and what reads them.
Kind = tuple[set[str], set[str], Callable[[Document], Any]]
KINDS: Mapping[str, Kind] = {
    "put": ({"value", "ttl_seconds", "labels", "note"}, {"value"}, _put),
    "patch": ({"merge_patch", "json_patch", "note"}, set(), _patch),
    "action": ({"type", "payload", "note"}, {"type", "payload"}, _action),
    "delete": ({"note"}, set(), _delete),
    "check": (set(), set(), _check),
}


def _conditions(document: Document) -> entries.Conditions:
    if_absent = document.get("if_absent", False)
    if not isinstance(if_absent, bool):
        raise Malformed(
            "if_absent is true or false.", errors=(Fault("/if_absent", "not a boolean"),)
        )
    version = parse_version_member(document, "if_version") if "if_version" in document else None
    token = document.get("fencing_token")
    if token is not None and (type(token) is not int or not 0 <= token < NEWEST):
        message = "the whole number that came with the lease"
        raise Malformed(f"fencing_token is {message}.", errors=(Fault("/fencing_token", message),))
    return entries.Conditions(version, if_absent, token)


def _result_body(result: Result) -> Document:
    operation = result.operation
    head: Document = {"op": operation.change.operation, "status": result.status}
    if result.entry is not None:
        return head | entry_body(result.entry)
    place = {"namespace": operation.namespace, "key": operation.key, "version": result.version}
    return head | place


ROUTES: Routes = {
    ("transactions",): {"POST": post_transaction},
    ("reads",): {"POST": post_reads},
}
