"""Steps of migrations: what goes up comes down again, what does not fit fails, and nothing runs
away.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stateward.state.evolution.transforms import KINDS as KINDS_KNOWN
from stateward.state.evolution.transforms import compile_migration, inverse_of
from stateward.state.exceptions import BadMigration, NotTransformable

NAMES = st.sampled_from(["a", "b", "c", "d"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-3, 3, width=16),
    st.sampled_from(["", "x", "x y", "7", "007", "1.5", "true", "open", "é-b"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=10,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
PLACES = st.sampled_from(["/a", "/b", "/c", "/d", "/a/b", "/b/c"])
KINDS = st.sampled_from(["string", "number", "integer", "boolean"])
SIMPLE = st.one_of(
    st.fixed_dictionaries({"step": st.just("rename"), "path": PLACES, "to": NAMES}),
    st.fixed_dictionaries({"step": st.just("move"), "from": PLACES, "to": PLACES}),
    st.fixed_dictionaries({"step": st.just("add"), "path": PLACES, "value": LEAVES}),
    st.fixed_dictionaries({"step": st.just("remove"), "path": PLACES, "restore": LEAVES}),
    st.fixed_dictionaries({"step": st.just("convert"), "path": PLACES, "from": KINDS, "to": KINDS}),
    st.fixed_dictionaries(
        {"step": st.just("map_value"), "path": PLACES, "values": st.just([["x", 1], ["7", "y"]])}
    ),
    st.fixed_dictionaries(
        {"step": st.just("split"), "path": PLACES, "separator": st.just(" "),
         "to": st.just(["/c", "/d"])}
    ),
    st.fixed_dictionaries(
        {"step": st.just("join"), "from": st.just(["/a", "/b"]), "separator": st.just("-"),
         "to": st.just("/d")}
    ),
    st.fixed_dictionaries({"step": st.sampled_from(["wrap", "unwrap"]), "path": PLACES}),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        SIMPLE,
        st.fixed_dictionaries(
            {"step": st.just("each"), "path": PLACES, "steps": st.lists(SIMPLE, max_size=2)}
        ),
    ),
    min_size=1,
    max_size=1,  # each step by itself; of several, one may undo what another needs
)


@settings(max_examples=400, deadline=None)
@given(STEPS, OBJECTS)
def test_what_went_up_comes_back_as_it_was_there(steps: list[Any], value: Any) -> None:
    try:
        up = compile_migration(steps)
    except BadMigration:
        assume(False)
    before = copy.deepcopy(value)
    try:
        new = up.apply(value)
    except NotTransformable:
        assert value == before
        return
    back = inverse_of(up)
    assert back is not None
    assert value == before
    old = compile_migration(back).apply(new)
    assert up.apply(old) == new


LOSSLESS = [
    pytest.param([{"step": "rename", "path": "/a", "to": "z"}], {"a": 1}, {"z": 1}, id="rename"),
    pytest.param(
        [{"step": "split", "path": "/n", "separator": " ", "to": ["/f", "/l"]}],
        {"n": "Mia Li"}, {"f": "Mia", "l": "Li"}, id="split",
    ),
    pytest.param(
        [{"step": "convert", "path": "/n", "from": "integer", "to": "string"}],
        {"n": 10**30}, {"n": "1" + "0" * 30}, id="convert",
    ),
    pytest.param(
        [{"step": "each", "path": "/l", "steps": [{"step": "rename", "path": "/x", "to": "y"}]}],
        {"l": [{"x": 1}, {}]}, {"l": [{"y": 1}, {}]}, id="each",
    ),
    pytest.param(
        [{"step": "map_value", "path": "/s", "values": [["open", 1], ["shut", 2]]}],
        {"s": "shut"}, {"s": 2}, id="map",
    ),
    pytest.param([{"step": "add", "path": "/v", "value": [1]}], {}, {"v": [1]}, id="add"),
    pytest.param(
        [{"step": "set_default", "path": "/v", "value": 2}], {"v": 1}, {"v": 1}, id="default"
    ),
    pytest.param([{"step": "wrap", "path": "/v"}], {"v": 1}, {"v": [1]}, id="wrap"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "old", "new"), LOSSLESS)
def test_a_step_and_its_inverse(steps: list[Any], old: Any, new: Any) -> None:
    up = compile_migration(steps)

    assert up.apply(old) == new
    assert compile_migration(inverse_of(up)).apply(new) == old


def computed(expression: Any) -> Any:
    operation = {"op": "add", "path": "/r", "expression": expression}
    return compile_migration([{"step": "patch", "operations": [operation]}])


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        pytest.param(
            {"$concat": [{"$get": "/f"}, " ", {"$upper": {"$get": "/l"}}]}, "Mia LI", id="text"
        ),
        pytest.param({"$get": ["/none", [1]]}, [1], id="default"),
        pytest.param({"$if": [{"$exists": "/f"}, {"x": 1}, 2]}, {"x": 1}, id="choice"),
        pytest.param({"$multiply": [{"$get": "/n"}, 10]}, 30, id="number"),
        pytest.param({"$map": [{"$get": "/i"}, {"$item": "/v"}]}, [1, 2], id="map"),
        pytest.param({"$join": [{"$split": ["a,b", ","]}, "-"]}, "a-b", id="join"),
        pytest.param({"$literal": {"$get": "/f"}}, {"$get": "/f"}, id="literal"),
        pytest.param({"$at": [[1, 2, 3], -1]}, 3, id="at"),
        pytest.param({"$less": [1, {"$length": "ab"}]}, True, id="compare"),
        pytest.param({"$integer": "42"}, 42, id="integer"),
        pytest.param({"$equals": [1, True]}, False, id="one-is-not-true"),
    ],
)
def test_an_expression(expression: Any, result: Any) -> None:
    value = {"f": "Mia", "l": "Li", "n": 3, "i": [{"v": 1}, {"v": 2}]}

    found = computed(expression).apply(value)["r"]
    assert (found, type(found)) == (result, type(result))


DOUBLE = {"op": "add", "path": "/x", "expression": [{"$get": "/x"}, {"$get": "/x"}]}
LONGER = {"op": "add", "path": "/x", "expression": {"$concat": [{"$get": "/x"}] * 50}}
BIGGER = {"op": "add", "path": "/n", "expression": {"$multiply": [{"$get": "/n"}, {"$get": "/n"}]}}


@pytest.mark.parametrize(
    "operations",
    [
        pytest.param([DOUBLE] * 90, id="doubling"),
        pytest.param([LONGER] * 10, id="text"),
        pytest.param([BIGGER] * 90, id="digits"),
        pytest.param(
            [{"op": "copy", "from": "", "path": f"/y{n}"} for n in range(90)], id="copies"
        ),
    ],
)
def test_no_expression_runs_away(operations: list[Any]) -> None:
    steps = [{"step": "patch", "operations": operations}]

    with pytest.raises(NotTransformable) as refused:
        compile_migration(steps).apply({"x": "abc", "n": 12345})
    assert refused.value.errors[0].pointer.startswith("/steps/0/operations/")


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        pytest.param({}, "/steps", id="no-list"),
        pytest.param([{"step": "eval"}], "/steps/0", id="unknown"),
        pytest.param([{"step": "rename", "path": "/a"}], "/steps/0", id="member-missing"),
        pytest.param([{"step": "remove", "path": ""}], "/steps/0/path", id="root"),
        pytest.param([{"step": "remove", "path": "a~2"}], "/steps/0/path", id="pointer"),
        pytest.param([{"step": "move", "from": "/a", "to": "/a/b"}], "/steps/0", id="into-itself"),
        pytest.param([{"step": "remove", "path": "/a"}] * 101, "/steps", id="too-many"),
        pytest.param(
            [{"step": "patch", "operations": [{"op": "add", "path": "", "expression": {"$x": 1}}]}],
            "/steps/0/operations/0/expression/$x",
            id="operation",
        ),
    ],
)
def test_a_wrong_text_is_refused_with_its_place(steps: Any, pointer: str) -> None:
    with pytest.raises(BadMigration) as refused:
        compile_migration(steps)

    assert refused.value.errors[0].pointer == pointer


def test_the_steps_of_the_documentation_are_steps() -> None:
    page = (Path(__file__).parents[2] / "docs" / "schemas.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\{.step.*?\})`", page, re.MULTILINE)
    shown = [json.loads(one) for one in rows if "…" not in one]
    shown.append(json.loads(page.split("```json")[1].split("```")[0]))

    assert {one["step"] for one in shown} | {"each", "unwrap"} == {*KINDS_KNOWN}
    for one in shown:
        compile_migration([one])


def test_what_throws_something_away_has_no_inverse_of_its_own() -> None:
    assert inverse_of(compile_migration([{"step": "remove", "path": "/a"}])) is None
    many = [{"step": "map_value", "path": "/a", "values": [[1, 0], [2, 0]]}]
    assert inverse_of(compile_migration(many)) is None


def test_a_step_that_does_not_fit_says_which() -> None:
    steps = [{"step": "wrap", "path": "/a"}, {"step": "rename", "path": "/a", "to": "b"}]

    with pytest.raises(NotTransformable) as refused:
        compile_migration(steps).apply({"a": 1, "b": 2})
    assert [fault.pointer for fault in refused.value.errors] == ["/steps/1"]
