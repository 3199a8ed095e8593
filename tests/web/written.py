"""The published document as a list of what can be written, and bodies that it accepts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

UNSAFE = ("post", "put", "patch", "delete")
Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    body: Schema | None  # what its JSON body is to be; None: it takes none

    def __str__(self) -> str:
        return self.name


@cache
def document() -> Schema:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: Schema = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operations() -> list[Operation]:
    """All of them, by name."""
    found = [
        Operation(one["operationId"], method, path, _body(one))
        for path, methods in document()["paths"].items()
        for method, one in methods.items()
        if isinstance(one, dict) and "operationId" in one
    ]
    return sorted(found, key=lambda one: one.name)


def _body(operation: Schema) -> Schema | None:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return resolved(schema) if schema else None


def resolved(schema: Schema) -> Schema:
    """The schema that a reference stands for."""
    while "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        schema = document()["components"]["schemas"][name]
    if "allOf" in schema:
        merged: Schema = {}
        for part in schema["allOf"]:
            merged |= resolved(part)
        schema = merged | {name: one for name, one in schema.items() if name != "allOf"}
    return schema


def example(schema: Schema) -> Any:
    """The smallest value that the schema takes."""
    schema = resolved(schema)
    for choices in ("oneOf", "anyOf"):
        if choices in schema:
            return example(schema[choices][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: example(properties[name]) for name in schema.get("required", [])}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    return _scalar(kind, schema)


def _scalar(kind: str | None, schema: Schema) -> Any:
    by_format = {
        "uuid": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
        "date-time": "2026-12-01T00:00:00Z",
        "date": "2026-12-01",
        "email": "somebody@example.org",
    }
    if kind == "string":
        return by_format.get(schema.get("format", ""), "some-thing"[: schema.get("maxLength", 99)])
    return {"integer": schema.get("minimum", 1), "number": 1.5, "boolean": True}.get(kind or "")
