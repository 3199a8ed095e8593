"""Comparing schemas: what is called compatible holds for whatever values are made up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stateward.state.evolution.compatibility import accepts, compare
from stateward.state.exceptions import BadSchema
from stateward.state.schemas import compile_schema

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 6), st.sampled_from([0.5, 1.0, 2.5]),
    st.sampled_from(["", "x", "xy", "xyz", "2024-01-01"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


def rules(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of what is compared and of what is not, mixed."""
    small = st.integers(0, 3)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": st.one_of(
            st.sampled_from(["object", "array", "string", "integer", "number", "null"]),
            st.lists(
                st.sampled_from(["object", "array", "string", "integer", "number", "boolean"]),
                min_size=1, max_size=3, unique=True,
            ),
        ),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        "minimum": small, "exclusiveMinimum": small,
        "maximum": small, "exclusiveMaximum": small,
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": small, "maxLength": small,
        "pattern": st.sampled_from(["^x", "y"]), "format": st.just("date"),
        "items": inner, "minItems": small, "maxItems": small, "uniqueItems": st.booleans(),
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "properties": st.dictionaries(NAMES, inner, max_size=2),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=1),
        "minProperties": small, "maxProperties": small,
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "oneOf": st.lists(inner, min_size=1, max_size=2),
        "not": inner, "if": inner, "then": inner, "contains": inner,
        "propertyNames": inner, "unevaluatedProperties": inner, "unevaluatedItems": inner,
        "$ref": st.just("#/$defs/d"),
    }  # fmt: skip
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({n: keywords[n] for n in names}))


SUBSCHEMAS = st.recursive(st.one_of(st.booleans(), rules(st.booleans())), rules, max_leaves=4)
SCHEMAS = st.builds(
    lambda schema, definition: (
        schema | {"$defs": {"d": definition}} if isinstance(schema, dict) else schema
    ),
    SUBSCHEMAS,
    rules(st.booleans()).map(lambda one: {k: v for k, v in one.items() if k != "$ref"}),
)


@st.composite
def changed(draw: st.DrawFn) -> tuple[Any, Any]:
    """A schema, and one that is another or differs in a few keywords."""
    old = draw(SCHEMAS)
    if not isinstance(old, dict) or draw(st.booleans()):
        return old, draw(SCHEMAS)
    other = draw(SCHEMAS)
    new = dict(old) | (other if isinstance(other, dict) and draw(st.booleans()) else {})
    for name in draw(st.lists(st.sampled_from(sorted(new)), max_size=2)) if new else []:
        new.pop(name, None)
    return (old, new) if draw(st.booleans()) else (new, old)


@settings(max_examples=400, deadline=None)
@given(changed(), st.lists(VALUES, min_size=8, max_size=20))
def test_what_is_compatible_refuses_no_value_that_was_accepted(
    pair: tuple[Any, Any], values: list[Any]
) -> None:
    old, new = pair
    try:
        before, after = compile_schema(old), compile_schema(new)
    except BadSchema:
        return
    if accepts(new, old).verdict != "compatible":
        return
    assert [one for one in values if before.is_valid(one) and not after.is_valid(one)] == []


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
}


@pytest.mark.parametrize(
    ("change", "word", "pointer"),
    [
        pytest.param({"title": "A person"}, "full", None, id="annotation"),
        pytest.param({"required": []}, "backward", "/required", id="optional"),
        pytest.param({"required": ["name", "age"]}, "forward", "/required", id="required"),
        pytest.param(
            {"additionalProperties": False}, "forward", "/additionalProperties", id="closed"
        ),
        pytest.param(
            {"properties": {"name": {"type": "integer"}}},
            "none",
            "/properties/name/type",
            id="type",
        ),
        pytest.param({"not": {"required": ["x"]}}, "forward", "/not", id="not-compared"),
    ],
)
def test_a_change_is_told_with_its_place(
    change: dict[str, Any], word: str, pointer: str | None
) -> None:
    found = compare(PERSON, PERSON | change)

    assert found.word == word
    reasons = found.backward.reasons + found.forward.reasons
    assert pointer is None or pointer in [reason.pointer for reason in reasons]


def test_what_refers_to_itself_is_unknown_not_endless() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"next": {"$ref": "#/$defs/t"}}}}}

    assert accepts({**tree, "$defs": {"t": {"type": "object"}}}, tree).verdict == "incompatible"
    assert accepts(tree, {"type": "object"}).verdict == "unknown"
    assert accepts(tree, tree).verdict == "compatible"


def test_no_schema_accepts_everything() -> None:
    assert compare(None, PERSON).word == "forward"
    assert compare(PERSON, None).word == "backward"
