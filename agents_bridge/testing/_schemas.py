"""The fake server's schemas: versions of them, and work on them that is over at once.

It judges by a part of JSON Schema 2020-12 (``KEYWORDS``). A schema with more is refused with 501,
rather than judged otherwise than the real server would; so are migrations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from agents_bridge._wire import rfc3339
from agents_bridge.testing._entries import Answer
from agents_bridge.testing._modes import same
from agents_bridge.testing._problems import Refusal, not_found, unprocessable
from agents_bridge.testing._requests import Asked, page
from agents_bridge.testing._store import Space, Store

Fault = tuple[str, str]
_ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "default", "examples"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("number", lambda value, bound: value >= bound),
    "maximum": ("number", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("number", lambda value, bound: value > bound),
    "exclusiveMaximum": ("number", lambda value, bound: value < bound),
    "minLength": ("string", lambda value, bound: len(value) >= bound),
    "maxLength": ("string", lambda value, bound: len(value) <= bound),
    "pattern": ("string", lambda value, bound: re.search(bound, value) is not None),
    "minItems": ("array", lambda value, bound: len(value) >= bound),
    "maxItems": ("array", lambda value, bound: len(value) <= bound),
}
_PARTS = {"properties", "required", "additionalProperties", "items"}
KEYWORDS = frozenset({"type", "enum", "const", *_BOUNDS, *_PARTS})


def schemas(store: Store, asked: Asked, name: str) -> Answer:
    space = _space(store, name)
    if asked.method == "GET":
        return Answer(200, page(space.schemas[::-1], asked))
    given = asked.members("schema", "note", "base", "migration", required=("schema",))
    if given.get("migration") is not None:
        raise _not_here("The fake server migrates nothing.")
    check_schema(given["schema"])
    base = given.get("base", _active(space))
    return Answer(201, _added(store, space, given["schema"], base, given.get("note", "")))


def schema(store: Store, asked: Asked, name: str, number: str) -> Answer:
    version = _version(_space(store, name), number)
    if asked.method == "DELETE":
        if version["state"] != "draft":
            raise Refusal(409, "schema_state", "The version is or was in force.")
        version |= {"state": "retired", "retired_at": rfc3339(store.clock())}
    return Answer(200, version)


def check(store: Store, asked: Asked, name: str, number: str) -> Answer:
    space = _space(store, name)
    return Answer(202, _ran(store, space, "check", _version(space, number), {}))


def activate(store: Store, asked: Asked, name: str, number: str) -> Answer:
    space = _space(store, name)
    version = _version(space, number)
    given = asked.members("only_new_writes", "note")
    run = _ran(store, space, "activate", version, given)
    if run["state"] == "done":
        _put_in_force(store, space, version)
        version["coverage"] = "new_writes" if given.get("only_new_writes") else "stored"
    return Answer(202, run)


def runs(store: Store, asked: Asked, name: str) -> Answer:
    return Answer(200, page(store.space(name).schema_runs[::-1], asked))


def run(store: Store, asked: Asked, name: str, run_id: str) -> Answer:
    for one in store.space(name).schema_runs:
        if one["id"] == run_id:
            return Answer(200, one)
    raise not_found()


def require_fit(store: Store, space: Space, key: str, value: Any) -> None:
    """Refuses a value that breaks the namespace's schema, as far as it is judged here."""
    found = [*faults(space.settings["schema"], value, "/value")]
    if found:
        errors = [{"pointer": place, "message": says} for place, says in found]
        detail = "The value does not fit the namespace's schema."
        raise Refusal(422, "schema_violation", detail, errors=errors)


def check_schema(schema: Any) -> None:
    """Refuses what is not in the part of JSON Schema that is known here."""
    if schema is None or isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise unprocessable("A schema is an object.", "/schema")
    for keyword in schema.keys() - KEYWORDS - _ANNOTATIONS:
        raise _not_here(f"The fake server does not judge by {keyword}.")
    parts = [*schema.get("properties", {}).values()]
    parts += [schema[each] for each in ("items", "additionalProperties") if each in schema]
    for part in parts:
        check_schema(part)


def faults(schema: Any, value: Any, at: str = "") -> Iterator[Fault]:
    """(pointer, message) of each place where the value does not fit."""
    if schema is None or schema is True:
        return
    if schema is False:
        yield at, "Nothing is allowed here."
        return
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_TYPES[each](value) for each in types):
        yield at, f"This is not of type {', '.join(types)}."
        return
    yield from _unequal(schema, value, at)
    for keyword, (kind, holds) in _BOUNDS.items():
        if keyword in schema and _TYPES[kind](value) and not holds(value, schema[keyword]):
            yield at, f"{keyword} is {schema[keyword]}."
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from faults(schema["items"], item, f"{at}/{number}")
    if isinstance(value, dict):
        yield from _members(schema, value, at)


def _unequal(schema: dict[str, Any], value: Any, at: str) -> Iterator[Fault]:
    if "enum" in schema and not any(same(value, each) for each in schema["enum"]):
        yield at, "This is none of the values it may have."
    if "const" in schema and not same(value, schema["const"]):
        yield at, "This is not the value it must have."


def _members(schema: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[Fault]:
    for name in schema.get("required", []):
        if name not in value:
            yield at, f"{name} is missing."
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    for name, item in value.items():
        place = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        yield from faults(known.get(name, rest), item, place)


def _ran(
    store: Store, space: Space, kind: str, version: dict[str, Any], given: dict[str, Any]
) -> dict[str, Any]:
    """A run of work, which is over."""
    now, samples, fitting = store.clock(), [], 0
    for key, kept in sorted(space.keys.items()):
        if kept[-1].is_there(now):
            found = [
                {"pointer": place, "message": says}
                for place, says in faults(version["schema"], kept[-1].value)
            ]
            fitting += not found
            if found:
                samples.append({"key": key, "version": kept[-1].version, "errors": found})
    is_refused = kind == "activate" and samples and not given.get("only_new_writes")
    at = rfc3339(now)
    document = {
        "id": str(uuid4()), "kind": kind, "state": "refused" if is_refused else "done",
        "version": version["version"], "version_before": _active(space),
        "only_new_writes": bool(given.get("only_new_writes")), "max_errors": 0,
        "note": given.get("note", ""), "undoes": None, "job_run": str(uuid4()),
        "counts": {
            "entries": fitting + len(samples), "fitting": fitting, "failing": len(samples),
        },
        "samples": samples[:20], "samples_hidden": 0, "asked_by": store.actor,
        "created_at": at, "finished_at": at,
    }  # fmt: skip
    space.schema_runs.append(document)
    return document


def _space(store: Store, name: str) -> Space:
    """A schema that came with the namespace's settings is a version as well."""
    space = store.space(name)
    active = _active(space)
    known = space.schemas[active - 1]["schema"] if active else None
    if space.settings["schema"] != known:
        version = _added(store, space, space.settings["schema"], active, "")
        _put_in_force(store, space, version)
    return space


def _added(store: Store, space: Space, schema: Any, base: int, note: str) -> dict[str, Any]:
    version = {
        "version": len(space.schemas) + 1, "state": "draft", "is_pending": False,
        "schema": schema, "base": base, "migration": None, "note": note, "coverage": "",
        "created_by": store.actor, "created_at": rfc3339(store.clock()), "activated_at": None,
        "retired_at": None,
    }  # fmt: skip
    space.schemas.append(version)
    return version


def _put_in_force(store: Store, space: Space, version: dict[str, Any]) -> None:
    for other in space.schemas:
        if other["state"] == "active":
            other |= {"state": "retired", "retired_at": rfc3339(store.clock())}
    version |= {
        "state": "active", "activated_at": rfc3339(store.clock()), "retired_at": None,
    }  # fmt: skip
    space.settings["schema"] = version["schema"]


def _active(space: Space) -> int:
    return next((one["version"] for one in space.schemas if one["state"] == "active"), 0)


def _version(space: Space, number: str) -> dict[str, Any]:
    if number.isdigit() and 0 < int(number) <= len(space.schemas):
        return space.schemas[int(number) - 1]
    raise not_found()


def _not_here(detail: str) -> Refusal:
    return Refusal(501, "not_in_the_fake", detail)
