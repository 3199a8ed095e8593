"""The language of computed values in a migration: JSON in which an object with one member that
begins with ``$`` is an operation, and all else is itself.

    {"$concat": [{"$get": "/first"}, " ", {"$get": "/last"}]}

There are no names to call, no loops but ``$map`` over a list that is there, no regular expressions.
What an evaluation costs is counted (``budget.py``). ``docs/schemas.md`` lists the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from stateward.kernel.strictjson import dumps
from stateward.state.evolution.budget import MAX_DIGITS, Budget
from stateward.state.evolution.failing import BadStep, StepFailed
from stateward.state.evolution.pointers import MISSING, Path, find, parse_pointer

MAX_NODES = 500  # of one expression
MAX_DEPTH = 20

Scope = tuple[Any, Any]  # the whole value, and the item that $map is at
Expression = Callable[[Scope, Budget], Any]


def compile_expression(source: Any, at: str) -> Expression:
    """The expression, ready to be evaluated; BadStep with the place of what is wrong."""
    return _Compiler().compile(source, at, 0)


class _Compiler:
    def __init__(self) -> None:
        self._nodes = 0

    def compile(self, source: Any, at: str, depth: int) -> Expression:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise BadStep(at, f"more than {MAX_NODES} nodes or {MAX_DEPTH} levels")
        if isinstance(source, list):
            parts = [
                self.compile(one, f"{at}/{place}", depth + 1) for place, one in enumerate(source)
            ]
            return lambda scope, budget: [part(scope, budget) for part in parts]
        if not isinstance(source, dict):
            return lambda scope, budget: budget.copy(source)
        operations = [name for name in source if name.startswith("$")]
        if not operations:
            members = {
                name: self.compile(one, f"{at}/{_escaped(name)}", depth + 1)
                for name, one in source.items()
            }
            return lambda scope, budget: {
                name: member(scope, budget) for name, member in members.items()
            }
        if len(source) != 1:
            raise BadStep(at, "an operation stands alone in its object")
        return self._operation(operations[0], source[operations[0]], f"{at}/{operations[0]}", depth)

    def _operation(self, name: str, given: Any, at: str, depth: int) -> Expression:
        if name == "$literal":
            return lambda scope, budget: budget.copy(given)
        if name in {"$get", "$item"}:
            return self._get(given, at, depth, which=0 if name == "$get" else 1)
        if name == "$exists":
            path = parse_pointer(given, at)
            return lambda scope, budget: find(scope[0], path) is not MISSING
        if name == "$if":
            return self._choice(given, at, depth)
        if name == "$map":
            return self._map(given, at, depth)
        if name not in FUNCTIONS:
            raise BadStep(at, f"there is no operation {name}")
        count, function = FUNCTIONS[name]
        return self._call(count, function, given, at, depth)

    def _call(
        self, count: int | None, function: Function, given: Any, at: str, depth: int
    ) -> Expression:
        if count == 1:
            argument = self.compile(given, at, depth + 1)
            return lambda scope, budget: function(budget, argument(scope, budget))
        if not isinstance(given, list) or (count is not None and len(given) != count):
            raise BadStep(at, f"takes a list of {count if count is not None else 'operands'}")
        parts = [self.compile(one, f"{at}/{place}", depth + 1) for place, one in enumerate(given)]
        return lambda scope, budget: function(budget, *(part(scope, budget) for part in parts))

    def _get(self, given: Any, at: str, depth: int, *, which: int) -> Expression:
        """A pointer, or a pointer and what to take where there is nothing."""
        otherwise: Expression | None = None
        if isinstance(given, list):
            if len(given) != 2:
                raise BadStep(at, "takes a pointer, or a pointer and a default")
            otherwise = self.compile(given[1], f"{at}/1", depth + 1)
            given = given[0]
        path: Path = parse_pointer(given, at)

        def get(scope: Scope, budget: Budget) -> Any:
            found = find(scope[which], path) if scope[which] is not MISSING else MISSING
            if found is not MISSING:
                return budget.copy(found)
            if otherwise is None:
                raise StepFailed("there is nothing at the pointer that is read")
            return otherwise(scope, budget)

        return get

    def _choice(self, given: Any, at: str, depth: int) -> Expression:
        if not isinstance(given, list) or len(given) != 3:
            raise BadStep(at, "takes a condition and two values")
        condition, then, otherwise = (
            self.compile(one, f"{at}/{place}", depth + 1) for place, one in enumerate(given)
        )

        def choose(scope: Scope, budget: Budget) -> Any:
            budget.pay()
            chosen = condition(scope, budget)
            if not isinstance(chosen, bool):
                raise StepFailed("a condition is true or false")
            return then(scope, budget) if chosen else otherwise(scope, budget)

        return choose

    def _map(self, given: Any, at: str, depth: int) -> Expression:
        if not isinstance(given, list) or len(given) != 2:
            raise BadStep(at, "takes a list and what to make of each item")
        items = self.compile(given[0], f"{at}/0", depth + 1)
        each = self.compile(given[1], f"{at}/1", depth + 1)

        def apply(scope: Scope, budget: Budget) -> Any:
            found = items(scope, budget)
            if not isinstance(found, list):
                raise StepFailed("what is mapped is not a list")
            return [each((scope[0], item), budget) for item in found]

        return apply


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise StepFailed("not a text")
    return value


def number_of(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StepFailed("not a number")
    return value


def as_text(budget: Budget, value: Any) -> str:
    """A number, a truth value or a text as text; lists and objects are not guessed at."""
    if isinstance(value, str):
        return budget.text(value)
    if value is None or isinstance(value, dict | list):
        raise StepFailed("not a text, a number or a truth value")
    return budget.text(dumps(value).decode())


def as_number(budget: Budget, value: Any) -> int | float:
    """A number, or a text that spells one in JSON's way."""
    if not isinstance(value, str):
        return number_of(value)
    try:
        spelled = Decimal(value) if len(value) <= MAX_DIGITS and value == value.strip() else None
    except InvalidOperation:
        spelled = None
    if spelled is None or not spelled.is_finite() or abs(spelled.adjusted()) > 308 or "_" in value:
        raise StepFailed("the text spells no number")
    is_whole = "." not in value and "e" not in value.lower()
    return budget.number(int(spelled) if is_whole else float(spelled))


def as_integer(budget: Budget, value: Any) -> int:
    number = as_number(budget, value)
    if isinstance(number, float):
        if not number.is_integer():
            raise StepFailed("not a whole number")
        return int(number)
    return number


def as_boolean(budget: Budget, value: Any) -> bool:
    budget.pay()
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise StepFailed('not true, false, "true" or "false"')


def is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    return bool(one == other)


def _concat(budget: Budget, *texts: Any) -> str:
    return budget.text("".join(text_of(one) for one in texts))


def _join(budget: Budget, items: Any, separator: Any) -> str:
    if not isinstance(items, list):
        raise StepFailed("not a list")
    budget.pay(len(items) * (1 + len(text_of(separator)) // 32))
    return budget.text(text_of(separator).join(text_of(one) for one in items))


def _split(budget: Budget, text: Any, separator: Any) -> list[str]:
    if not text_of(separator):
        raise StepFailed("the separator is empty")
    parts = text_of(text).split(separator)
    budget.pay(len(parts))
    return parts


def _at(budget: Budget, items: Any, place: Any) -> Any:
    budget.pay()
    if not isinstance(items, list) or isinstance(place, bool) or not isinstance(place, int):
        raise StepFailed("not a list and a place in it")
    if not -len(items) <= place < len(items):
        raise StepFailed("the list is shorter")
    return items[place]


def _length(budget: Budget, value: Any) -> int:
    budget.pay()
    if not isinstance(value, str | list | dict):
        raise StepFailed("has no length")
    return len(value)


def _arithmetic(operation: str) -> Function:
    def compute(budget: Budget, one: Any, other: Any) -> int | float:
        left, right = number_of(one), number_of(other)
        try:
            if operation == "add":
                return budget.number(left + right)
            if operation == "subtract":
                return budget.number(left - right)
            if operation == "multiply":
                return budget.number(left * right)
            return budget.number(left / right)
        except (ZeroDivisionError, OverflowError):
            raise StepFailed("the result is no number") from None

    return compute


def _compare(operation: str) -> Function:
    def compare(budget: Budget, one: Any, other: Any) -> bool:
        budget.pay()
        left, right = number_of(one), number_of(other)
        return left < right if operation == "less" else left <= right

    return compare


def _equals(budget: Budget, one: Any, other: Any) -> bool:
    budget.pay()
    return is_same(one, other)


def _not(budget: Budget, value: Any) -> bool:
    budget.pay()
    if not isinstance(value, bool):
        raise StepFailed("not true or false")
    return not value


Function = Callable[..., Any]
# Operation: how many operands (None: any number), and what it does.
FUNCTIONS: Mapping[str, tuple[int | None, Function]] = {
    "$concat": (None, _concat),
    "$join": (2, _join),
    "$split": (2, _split),
    "$at": (2, _at),
    "$lower": (1, lambda budget, text: budget.text(text_of(text).lower())),
    "$upper": (1, lambda budget, text: budget.text(text_of(text).upper())),
    "$trim": (1, lambda budget, text: budget.text(text_of(text).strip())),
    "$text": (1, as_text),
    "$number": (1, as_number),
    "$integer": (1, as_integer),
    "$boolean": (1, as_boolean),
    "$length": (1, _length),
    "$add": (2, _arithmetic("add")),
    "$subtract": (2, _arithmetic("subtract")),
    "$multiply": (2, _arithmetic("multiply")),
    "$divide": (2, _arithmetic("divide")),
    "$less": (2, _compare("less")),
    "$at_most": (2, _compare("at_most")),
    "$equals": (2, _equals),
    "$not": (1, _not),
}
