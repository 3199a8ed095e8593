"""Schemas of namespaces: which are accepted, and that a failing value is told each place."""

from __future__ import annotations

from typing import Any

import pytest

from stateward.state.exceptions import BadSchema, SchemaViolation
from stateward.state.schemas import MAX_BRANCHES, MAX_SCHEMA_NODES, check_value, compile_schema

PERSON = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}, "name": {"type": "string"}},
    "required": ["name"],
}


def test_every_failing_place_is_named() -> None:
    with pytest.raises(SchemaViolation) as refused:
        check_value(compile_schema(PERSON), {"age": -1, "name": 5})

    assert [fault.pointer for fault in refused.value.errors] == ["/value/age", "/value/name"]


def test_the_value_is_not_repeated_in_the_message() -> None:
    with pytest.raises(SchemaViolation) as refused:
        check_value(compile_schema(PERSON), {"name": {"secret": "canary"}})

    assert "canary" not in str(refused.value.errors)


def test_a_fitting_value_passes() -> None:
    check_value(compile_schema(PERSON), {"name": "Mia", "age": 10**30})


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (3, "/schema"),
        ({"type": "objec"}, "/schema/type"),
        ({"$ref": "https://example.org/other"}, "/schema"),
        ({"properties": {"a": {"$dynamicRef": "other.json"}}}, "/schema/properties/a"),
        ({"$ref": "#/nowhere"}, "/schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/schema"),
        ({"properties": {"a": {"pattern": "(?=x)y"}}}, "/schema/properties/a/pattern"),
        ({"properties": {"a": {"pattern": "("}}}, "/schema/properties/a/pattern"),
        ({"oneOf": [{}] * (MAX_BRANCHES + 1)}, "/schema"),
        ({"enum": list(range(MAX_SCHEMA_NODES + 1))}, "/schema"),
    ],
)
def test_what_we_do_not_accept_is_named_with_its_place(schema: Any, pointer: str) -> None:
    with pytest.raises(BadSchema) as refused:
        compile_schema(schema)

    assert refused.value.errors[0].pointer == pointer


def test_a_pattern_that_would_backtrack_runs_in_linear_time() -> None:
    validator = compile_schema({"type": "string", "pattern": "^(a+)+$"})

    with pytest.raises(SchemaViolation):
        check_value(validator, "a" * 50_000 + "b")


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert compile_schema({"properties": {"next": {"$ref": "#"}}}).is_valid({"next": {"next": {}}})


@pytest.mark.parametrize("count", [60])
def test_no_more_than_fifty_faults_are_told(count: int) -> None:
    validator = compile_schema({"items": {"type": "string"}})

    with pytest.raises(SchemaViolation) as refused:
        check_value(validator, list(range(count)))

    assert len(refused.value.errors) == 50
