"""A namespace's JSON Schema (2020-12): what we accept as one, and validation with a pointer for
each failure.

A schema is input like any other: it is capped before it is compiled, may not point outside itself,
and its patterns run
on a linear-time engine, so that no schema can stall the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from stateward.kernel.errors import Fault
from stateward.state.exceptions import BadSchema, SchemaViolation

MAX_SCHEMA_NODES = 5_000
MAX_FAULTS = 50
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMBINERS = ("oneOf", "anyOf", "allOf")
MAX_BRANCHES = 64
_REFERENCES = ("$ref", "$dynamicRef")

Validator = jsonschema_rs.Draft202012Validator


def compile_schema(schema: Any, *, pointer: str = "/schema") -> Validator:
    """A validator for ``schema``; 422 with the failing place when it is not one we accept."""
    if not isinstance(schema, dict | bool):
        raise _bad(pointer, "a schema is an object or a boolean")
    for place, node in _nodes(schema, pointer):
        if (message := _fault(node)) is not None:
            raise _bad(place, message)
    try:
        jsonschema_rs.meta.validate(
            schema | {"$schema": DIALECT} if isinstance(schema, dict) else schema
        )
        return Validator(
            schema,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
            mask="the value",
        )
    except jsonschema_rs.ValidationError as error:
        raise _bad(pointer + _path(error.instance_path), error.message) from None
    except (
        ValueError
    ) as error:  # a pattern the linear engine does not take, a reference that leads nowhere
        raise _bad(pointer, str(error)[:300]) from None


def check_value(validator: Validator, value: Any, *, pointer: str = "/value") -> None:
    """422 with each failing pointer when ``value`` breaks the schema."""
    if validator.is_valid(value):
        return
    faults = []
    for error in validator.iter_errors(value):
        faults.append(Fault(pointer + _path(error.instance_path), error.message))
        if len(faults) == MAX_FAULTS:
            break
    raise SchemaViolation(errors=tuple(faults))


def _bad(pointer: str, message: str) -> BadSchema:
    return BadSchema(errors=(Fault(pointer, message),))


def _path(path: list[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _nodes(schema: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the schema with its pointer, without recursion; 422 above the cap."""
    stack, seen = [(pointer, schema)], 0
    while stack:
        place, node = stack.pop()
        seen += 1
        if seen > MAX_SCHEMA_NODES:
            raise _bad(pointer, f"more than {MAX_SCHEMA_NODES:,} nodes")
        if isinstance(node, dict):
            yield place, node
            stack += [(place + _path([name]), child) for name, child in node.items()]
        elif isinstance(node, list):
            stack += [(f"{place}/{position}", child) for position, child in enumerate(node)]


def _fault(node: dict[str, Any]) -> str | None:
    for name in _REFERENCES:
        target = node.get(name)
        if isinstance(target, str) and not target.startswith("#"):
            return f"{name} may only point within the schema"
    if isinstance(node.get("$schema"), str) and node["$schema"].rstrip("#") != DIALECT:
        return "only JSON Schema 2020-12 is supported"
    for name in _COMBINERS:
        branches = node.get(name)
        if isinstance(branches, list) and len(branches) > MAX_BRANCHES:
            return f"{name} has more than {MAX_BRANCHES} branches"
    return None
