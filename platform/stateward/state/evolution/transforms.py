"""Migrations: steps that bring a value from one version of a schema to the next, and back.

A migration is a list of steps, named transforms or RFC 6902 operations with expressions. Each named
transform either fits a value, or leaves it as it is because what it is about is absent, or fails;
none guesses. Most have an inverse, which is a step too: for each value that went up,
``up(down(new))`` is ``new`` again, and where nothing was thrown away ``down(up(old))`` is ``old``.
Of several steps one may undo what another needs to come back: the way down then fails, or its
result breaks the older schema; it is given out only when it fits. ``docs/schemas.md`` lists
the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jsonpatch
from jsonpointer import JsonPointerException

from stateward.kernel.errors import Fault
from stateward.kernel.strictjson import dumps
from stateward.state.evolution.budget import Budget, check_depth
from stateward.state.evolution.expressions import (
    Expression,
    as_boolean,
    as_integer,
    as_number,
    as_text,
    compile_expression,
    is_same,
    text_of,
)
from stateward.state.evolution.failing import BadStep, StepFailed
from stateward.state.evolution.pointers import MISSING, Path, find, parse_pointer, put, take
from stateward.state.exceptions import BadMigration, NotTransformable

MAX_STEPS = 100
MAX_BYTES = 64 * 1024  # of a migration's text
MAX_NESTING = 5  # of ``each``

Change = Callable[[Any, Budget], Any]
Document = dict[str, Any]


class Step(NamedTuple):
    """One step, ready to be applied; ``inverse`` are the steps that undo it, None: none do."""

    change: Change
    inverse: tuple[Document, ...] | None


class Migration(NamedTuple):
    """Steps in their order."""

    steps: tuple[Step, ...]
    pointer: str = ""

    def apply(self, value: Any) -> Any:
        """The value one version on; what was given is left as it was. NotTransformable (422) with
        the place of the step that does not fit.
        """
        budget = Budget()
        place = 0
        try:
            value = budget.copy(value)
            for place, step in enumerate(self.steps):  # noqa: B007  # told where it fails
                value = step.change(value, budget)
            check_depth(value)
        except StepFailed as failed:
            where = f"{self.pointer}/{place}{failed.pointer}"
            raise NotTransformable(errors=(Fault(where, failed.message),)) from None
        except RecursionError:
            fault = Fault(f"{self.pointer}/{place}", "the value would be too deep")
            raise NotTransformable(errors=(fault,)) from None
        return value


def compile_migration(source: Any, *, pointer: str = "/steps") -> Migration:
    """The migration a document spells. BadMigration (422) with the place of what is wrong."""
    try:
        if isinstance(source, list) and len(dumps(source)) > MAX_BYTES:
            raise BadStep(pointer, f"more than {MAX_BYTES // 1024} KiB")
        return Migration(_steps(source, pointer, 0), pointer)
    except BadStep as bad:
        raise BadMigration(errors=(Fault(bad.pointer, bad.message),)) from None
    except RecursionError:
        raise BadMigration(errors=(Fault(pointer, "nested too deep"),)) from None


def inverse_of(migration: Migration) -> list[Document] | None:
    """The steps back that the steps themselves give; None where one has none."""
    back: list[Document] = []
    for step in reversed(migration.steps):
        if step.inverse is None:
            return None
        back += step.inverse
    return back


def _steps(source: Any, at: str, nesting: int) -> tuple[Step, ...]:
    if not isinstance(source, list) or len(source) > MAX_STEPS or nesting > MAX_NESTING:
        raise BadStep(at, f"a list of at most {MAX_STEPS} steps, {MAX_NESTING} deep")
    return tuple(_step(one, f"{at}/{place}", nesting) for place, one in enumerate(source))


def _step(source: Any, at: str, nesting: int) -> Step:
    if not isinstance(source, dict) or source.get("step") not in KINDS:
        raise BadStep(at, f"step is one of {', '.join(KINDS)}")
    kind = source["step"]
    members, optional, make = KINDS[kind]
    unknown = source.keys() - members - optional - {"step"}
    missing = members - source.keys()
    if unknown or missing:
        said = [f"lacks {name}" for name in sorted(missing)]
        said += [f"{name} is unknown" for name in sorted(unknown)]
        raise BadStep(at, "; ".join(said))
    if kind == "each":
        return _each(source, at, nesting)
    return make(source, at)


def _member(source: Document, name: str, at: str) -> Path:
    path = parse_pointer(source[name], f"{at}/{name}")
    if not path:
        raise BadStep(f"{at}/{name}", "names the whole value")
    return path


def _pointer(path: Path) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def _rename(source: Document, at: str) -> Step:
    path, name = _member(source, "path", at), source["to"]
    if not isinstance(name, str):
        raise BadStep(f"{at}/to", "a member's name")
    return _moving(path, (*path[:-1], name), at)


def _move(source: Document, at: str) -> Step:
    return _moving(_member(source, "from", at), _member(source, "to", at), at)


def _moving(source: Path, target: Path, at: str) -> Step:
    if source == target or target[: len(source)] == source or source[: len(target)] == target:
        raise BadStep(at, "a place cannot be moved into itself")

    def change(value: Any, budget: Budget) -> Any:
        budget.pay()
        if find(value, target) is not MISSING:
            raise StepFailed("there is something at the new place already")
        if find(value, source) is MISSING:
            return value
        if not isinstance(find(value, target[:-1]), dict):
            raise StepFailed("there is no object at the new place")
        taken = take(value, source)
        if taken is MISSING:
            raise StepFailed("what is moved is no member of an object")
        return put(value, target, taken)

    back = {"step": "move", "from": _pointer(target), "to": _pointer(source)}
    return Step(change, (back,))


def _set_default(source: Document, at: str) -> Step:
    """Its inverse leaves the value as it is: the older version knew the member."""
    path, given = _member(source, "path", at), source["value"]

    def change(value: Any, budget: Budget) -> Any:
        budget.pay()
        if find(value, path) is not MISSING or not isinstance(find(value, path[:-1]), dict):
            return value
        return put(value, path, budget.copy(given))

    return Step(change, ())


def _add(source: Document, at: str) -> Step:
    path, given = _member(source, "path", at), source["value"]

    def change(value: Any, budget: Budget) -> Any:
        budget.pay()
        if find(value, path) is not MISSING:
            raise StepFailed("the member is there already")
        if not isinstance(find(value, path[:-1]), dict):
            return value
        return put(value, path, budget.copy(given))

    back = {"step": "remove", "path": _pointer(path), "restore": given}
    return Step(change, (back,))


def _remove(source: Document, at: str) -> Step:
    path = _member(source, "path", at)

    def change(value: Any, budget: Budget) -> Any:
        budget.pay()
        take(value, path)
        return value

    if "restore" not in source:
        return Step(change, None)
    back = {"step": "add", "path": _pointer(path), "value": source["restore"]}
    return Step(change, (back,))


_CONVERTERS: Mapping[str, Callable[[Budget, Any], Any]] = {
    "string": as_text,
    "number": as_number,
    "integer": as_integer,
    "boolean": as_boolean,
}
# Pairs that lead back: number to integer fails where it would lose something.
_REVERSIBLE = {
    ("integer", "string"), ("number", "string"), ("boolean", "string"),
    ("string", "integer"), ("string", "number"), ("string", "boolean"),
    ("integer", "number"), ("number", "integer"),
}  # fmt: skip


def _convert(source: Document, at: str) -> Step:
    path = _member(source, "path", at)
    before, after = source["from"], source["to"]
    if (before, after) not in _REVERSIBLE:
        raise BadStep(at, "from and to are two of string, number, integer, boolean, one a string")
    converter = _CONVERTERS[after]

    def change(value: Any, budget: Budget) -> Any:
        found = find(value, path)
        if found is MISSING:
            return value
        if not _is_a(before, found):
            raise StepFailed(f"not a {before}")
        return put(value, path, converter(budget, found))

    back = {"step": "convert", "path": _pointer(path), "from": after, "to": before}
    return Step(change, (back,))


def _is_a(kind: str, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind == "number" or isinstance(value, int) or value.is_integer()


def _map_value(source: Document, at: str) -> Step:
    path, pairs = _member(source, "path", at), source["values"]
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise BadStep(f"{at}/values", "a list of pairs, the value before and the one after")
    keeps = source.get("otherwise", "fail") == "keep"
    if source.get("otherwise", "fail") not in {"fail", "keep"}:
        raise BadStep(f"{at}/otherwise", "fail or keep")
    befores, afters = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if not _are_distinct(befores):
        raise BadStep(f"{at}/values", "a value stands there twice")

    def change(value: Any, budget: Budget) -> Any:
        found = find(value, path)
        if found is MISSING:
            return value
        for before, after in pairs:
            budget.pay()
            if is_same(found, before):
                return put(value, path, budget.copy(after))
        if keeps:
            return value
        raise StepFailed("the value is none of those that are named")

    if keeps or not _are_distinct(afters):
        return Step(change, None)
    swapped = [[after, before] for before, after in pairs]
    return Step(change, ({"step": "map_value", "path": _pointer(path), "values": swapped},))


def _are_distinct(values: Sequence[Any]) -> bool:
    return not any(
        is_same(one, other) for place, one in enumerate(values) for other in values[:place]
    )


def _split(source: Document, at: str) -> Step:
    path, targets, separator = _parts(source, at, "path", "to")

    def change(value: Any, budget: Budget) -> Any:
        budget.pay(len(targets))
        found = find(value, path)
        if any(one != path and find(value, one) is not MISSING for one in targets):
            raise StepFailed("there is something at the new place already")
        if found is MISSING:
            return value
        parts = text_of(found).split(separator)
        budget.pay(len(parts))
        if len(parts) != len(targets):
            raise StepFailed(f"the text has not {len(targets)} parts")
        take(value, path)
        for target, part in zip(targets, parts, strict=True):
            value = put(value, target, part)
        return value

    pointers = [_pointer(one) for one in targets]
    back = {"step": "join", "from": pointers, "separator": separator, "to": _pointer(path)}
    return Step(change, (back,))


def _join(source: Document, at: str) -> Step:
    path, parts, separator = _parts(source, at, "to", "from")

    def change(value: Any, budget: Budget) -> Any:
        found = [find(value, part) for part in parts]
        if path not in parts and find(value, path) is not MISSING:
            raise StepFailed("there is something at the new place already")
        if all(one is MISSING for one in found):
            return value
        texts = [text_of(one) for one in found]  # one that is missing is no text
        budget.pay(sum(1 + len(text) // 32 for text in texts))
        if any(separator in text for text in texts):
            raise StepFailed("a part holds the separator")
        for part in parts:
            take(value, part)
        return put(value, path, separator.join(texts))

    pointers = [_pointer(one) for one in parts]
    back = {"step": "split", "path": _pointer(path), "separator": separator, "to": pointers}
    return Step(change, (back,))


def _parts(source: Document, at: str, whole: str, several: str) -> tuple[Path, list[Path], str]:
    path, names, separator = _member(source, whole, at), source[several], source["separator"]
    if not isinstance(separator, str) or not 0 < len(separator) <= 100:
        raise BadStep(f"{at}/separator", "a text of 1 to 100 characters")
    if not isinstance(names, list) or not 2 <= len(names) <= 20:
        raise BadStep(f"{at}/{several}", "2 to 20 pointers")
    places = [
        _member({str(place): one}, str(place), f"{at}/{several}") for place, one in enumerate(names)
    ]
    if len(set(places)) != len(places):
        raise BadStep(f"{at}/{several}", "a place is named twice")
    return path, places, separator


def _wrap(source: Document, at: str) -> Step:
    path = _member(source, "path", at)

    def change(value: Any, budget: Budget) -> Any:
        budget.pay()
        found = find(value, path)
        return value if found is MISSING else put(value, path, [found])

    return Step(change, ({"step": "unwrap", "path": _pointer(path)},))


def _unwrap(source: Document, at: str) -> Step:
    path = _member(source, "path", at)

    def change(value: Any, budget: Budget) -> Any:
        budget.pay()
        found = find(value, path)
        if found is MISSING:
            return value
        if not isinstance(found, list) or len(found) != 1:
            raise StepFailed("not a list of one item")
        return put(value, path, found[0])

    return Step(change, ({"step": "wrap", "path": _pointer(path)},))


def _each(source: Document, at: str, nesting: int) -> Step:
    path = parse_pointer(source["path"], f"{at}/path")
    inner = Migration(_steps(source["steps"], f"{at}/steps", nesting + 1))

    def change(value: Any, budget: Budget) -> Any:
        found = find(value, path)
        if found is MISSING:
            return value
        if not isinstance(found, list):
            raise StepFailed("not a list")
        for place in range(len(found)):
            for number, step in enumerate(inner.steps):
                try:
                    found[place] = step.change(found[place], budget)
                except StepFailed as failed:
                    where = f"/steps/{number}{failed.pointer}"
                    raise StepFailed(failed.message, where) from None
        return value

    back = inverse_of(inner)
    if back is None:
        return Step(change, None)
    return Step(change, ({"step": "each", "path": source["path"], "steps": back},))


_OPERATIONS: Mapping[str, tuple[set[str], ...]] = {
    "add": ({"path", "value"}, {"path", "expression"}),
    "replace": ({"path", "value"}, {"path", "expression"}),
    "test": ({"path", "value"}, {"path", "expression"}),
    "remove": ({"path"},),
    "move": ({"path", "from"},),
    "copy": ({"path", "from"},),
}


def _patch(source: Document, at: str) -> Step:
    """RFC 6902, with ``expression`` in place of ``value`` where it is computed."""
    given = source["operations"]
    if not isinstance(given, list) or not 0 < len(given) <= MAX_STEPS:
        raise BadStep(f"{at}/operations", f"1 to {MAX_STEPS} operations")
    operations = [_operation(one, f"{at}/operations/{place}") for place, one in enumerate(given)]

    def change(value: Any, budget: Budget) -> Any:
        for place, (operation, expression) in enumerate(operations):
            where = f"/operations/{place}"
            try:
                value = _patched(value, operation, expression, budget)
            except StepFailed as failed:
                raise StepFailed(failed.message, where) from None
            except (
                jsonpatch.JsonPatchException, JsonPointerException, TypeError, KeyError,
                IndexError, ValueError,
            ):  # fmt: skip
                raise StepFailed("the operation does not fit the value", where) from None
        return value

    return Step(change, None)


def _operation(source: Any, at: str) -> tuple[Document, Expression | None]:
    shapes = _OPERATIONS.get(source.get("op", "")) if isinstance(source, dict) else None
    if shapes is None:
        raise BadStep(at, f"op is one of {', '.join(_OPERATIONS)}")
    if source.keys() - {"op"} not in shapes:
        raise BadStep(at, "takes path and value or expression, path and from, or path alone")
    for name in source.keys() & {"path", "from"}:
        parse_pointer(source[name], f"{at}/{name}")
    if "expression" not in source:
        return source, None
    return source, compile_expression(source["expression"], f"{at}/expression")


def _patched(value: Any, operation: Document, expression: Expression | None, budget: Budget) -> Any:
    ready = {name: one for name, one in operation.items() if name != "expression"}
    if expression is not None:
        ready["value"] = expression((value, MISSING), budget)
    elif "value" in ready:
        ready["value"] = budget.copy(ready["value"])
    if ready["op"] == "copy":  # twice the same object would change twice
        found = find(value, parse_pointer(ready["from"], ""))
        if found is MISSING:
            raise StepFailed("there is nothing to copy")
        ready = {"op": "add", "path": ready["path"], "value": budget.copy(found)}
    if ready["op"] == "test":
        found = find(value, parse_pointer(ready["path"], ""))
        if found is MISSING or not is_same(found, ready["value"]):
            raise StepFailed("the test fails")
        return value
    budget.pay()
    return jsonpatch.apply_patch(value, [ready], in_place=True)


# Step: the members it needs, those it may have, what makes it.
KINDS: Mapping[str, tuple[set[str], set[str], Callable[[Document, str], Step]]] = {
    "rename": ({"path", "to"}, set(), _rename),
    "move": ({"from", "to"}, set(), _move),
    "set_default": ({"path", "value"}, set(), _set_default),
    "add": ({"path", "value"}, set(), _add),
    "remove": ({"path"}, {"restore"}, _remove),
    "convert": ({"path", "from", "to"}, set(), _convert),
    "map_value": ({"path", "values"}, {"otherwise"}, _map_value),
    "split": ({"path", "separator", "to"}, set(), _split),
    "join": ({"from", "separator", "to"}, set(), _join),
    "wrap": ({"path"}, set(), _wrap),
    "unwrap": ({"path"}, set(), _unwrap),
    "each": ({"path", "steps"}, set(), lambda source, at: _each(source, at, 0)),
    "patch": ({"operations"}, set(), _patch),
}
