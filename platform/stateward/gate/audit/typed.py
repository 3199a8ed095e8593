"""What people type to find records: ``actor:booker AND (action:state.* OR NOT outcome:allow)``.

    expression = both ("OR" both)*        both = part (["AND"] part)*
    part       = "NOT" part | "(" expression ")" | field ":" value

A value stands in quotes where it has blanks or brackets. ``state.*`` stands for all that begin so,
``outcome:deny`` for every denial. What is wrong is said with its place. Pure; caps keep it small.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

LONGEST = 1_000  # characters
MOST_TERMS = 40
DEEPEST = 12

FIELDS = (
    "actor", "action", "outcome", "namespace", "key", "class", "request", "run", "policy",
    "purpose", "address", "resource", "id",
)  # fmt: skip
TOKEN = re.compile(
    r'\s*(?:(?P<open>\()|(?P<close>\))|(?P<field>[A-Za-z_]+):(?P<value>"(?:[^"\\]|\\.)*"|[^\s()"]+)'
    r"|(?P<word>[A-Za-z]+)(?=[\s()]|$))"
)
COLUMNS = {
    "request": "r.request_id", "run": "r.run", "key": "r.entry_key", "action": "r.action",
}  # fmt: skip
NAMED = {"actor": ("r.actor_id", "r.actor_name"), "id": ("r.id", "r.id::text")}
# The policies that decided the record ``r``, a JSON array; NULL where it is no JSON any more.
DETERMINING = """
CASE WHEN convert_from(r.record, 'UTF8') IS JSON OBJECT
    THEN convert_from(r.record, 'UTF8')::jsonb #> '{decision,determining}' END
"""
PERSONAL = {"purpose": "purpose", "address": "source_address"}
PLAIN = {
    "outcome": "r.outcome = %s",
    "class": "r.classification = %s",
    "policy": f"jsonb_exists({DETERMINING}, %s)",
    "resource": "(r.resource_type = %s OR r.resource_id = %s)",
}

# Names people know, as the ids the records have.
Resolve = Callable[[str], Sequence[UUID]]
Sql = tuple[str, list[Any]]


class NotUnderstood(Exception):
    """``at`` is the place of the first character that makes no sense, from 0."""

    def __init__(self, says: str, at: int) -> None:
        super().__init__(says)
        self.says = says
        self.at = at


@dataclass(frozen=True, slots=True)
class Term:
    """One condition."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    part: Part


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Part, ...]


Part = Term | Not | Every | Either


@dataclass(frozen=True, slots=True)
class Typed:
    """A text that was understood, with its condition on ``r``."""

    text: str
    sql: str
    parameters: tuple[Any, ...]

    def __str__(self) -> str:
        return self.text


class _Token(NamedTuple):
    kind: str
    at: int
    field: str = ""
    value: str = ""


def understand(text: str, resolve: Resolve) -> Typed:
    """Raises NotUnderstood."""
    sql, parameters = condition(parse(text), resolve)
    return Typed(text, sql, tuple(parameters))


def parse(text: str) -> Part:
    """The expression that ``text`` is. Raises NotUnderstood."""
    if len(text) > LONGEST:
        raise NotUnderstood(f"it is longer than {LONGEST:,} characters", LONGEST)
    if "\x00" in text:
        raise NotUnderstood("it holds a NUL", text.index("\x00"))
    tokens = list(_tokens(text))
    if sum(token.kind == "term" for token in tokens) > MOST_TERMS:
        raise NotUnderstood(f"it has more than {MOST_TERMS} conditions", 0)
    reader = _Reader(tokens, len(text))
    found = reader.either(0)
    if (rest := reader.next()).kind != "end":
        raise NotUnderstood("a closing bracket without an opening one", rest.at)
    return found


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while text[at:].strip():
        start = at + len(text[at:]) - len(text[at:].lstrip())
        found = TOKEN.match(text, at)
        if found is None:
            raise NotUnderstood("expected a condition such as action:state.write", start)
        yield _token(found, start)
        at = found.end()


def _token(found: re.Match[str], at: int) -> _Token:
    if found["open"] or found["close"]:
        return _Token("open" if found["open"] else "close", at)
    if (word := found["word"]) is not None:
        if word.upper() not in {"AND", "OR", "NOT"}:
            raise NotUnderstood(f"{word!r} is no condition; write key:{word}", at)
        return _Token(word.upper(), at)
    field = found["field"].lower()
    if field not in FIELDS:
        raise NotUnderstood(f"{field!r} is no field; there are {', '.join(FIELDS)}", at)
    value = found["value"]
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return _Token("term", at, field, value)


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._place = 0
        self._end = end

    def next(self) -> _Token:
        if self._place < len(self._tokens):
            return self._tokens[self._place]
        return _Token("end", self._end)

    def take(self) -> _Token:
        token = self.next()
        self._place += 1
        return token

    def either(self, depth: int) -> Part:
        parts = [self.every(depth)]
        while self.next().kind == "OR":
            self.take()
            parts.append(self.every(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def every(self, depth: int) -> Part:
        parts = [self.part(depth)]
        while (kind := self.next().kind) not in {"end", "OR", "close"}:
            if kind == "AND":
                self.take()
            parts.append(self.part(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def part(self, depth: int) -> Part:
        token = self.take()
        if depth > DEEPEST:
            raise NotUnderstood(f"more than {DEEPEST} brackets or NOTs in each other", token.at)
        if token.kind == "NOT":
            return Not(self.part(depth + 1))
        if token.kind == "open":
            inner = self.either(depth + 1)
            if (close := self.take()).kind != "close":
                raise NotUnderstood("a closing bracket is missing", close.at)
            return inner
        if token.kind == "term":
            return Term(token.field, token.value)
        raise NotUnderstood("expected a condition such as action:state.write", token.at)


def condition(part: Part, resolve: Resolve) -> Sql:
    """SQL on ``r``, a row of the audit's records; never NULL, so that NOT is its opposite."""
    match part:
        case Term(field, value):
            sql, parameters = _term(field, value, resolve)
            return f"coalesce({sql}, false)", parameters
        case Not(inner):
            sql, parameters = condition(inner, resolve)
            return f"NOT {sql}", parameters
        case Every(parts):
            return _joined(" AND ", parts, resolve)
        case Either(parts):
            return _joined(" OR ", parts, resolve)


def _joined(word: str, parts: tuple[Part, ...], resolve: Resolve) -> Sql:
    found = [condition(one, resolve) for one in parts]
    return (
        f"({word.join(sql for sql, _ in found)})",
        [one for _, parameters in found for one in parameters],
    )


def _term(field: str, value: str, resolve: Resolve) -> Sql:
    if field == "outcome" and value == "deny":
        return "r.outcome <> 'allow'", []
    if field in PERSONAL:
        return f"r.payload ->> '{PERSONAL[field]}' = %s", [value]
    if field in PLAIN:
        return PLAIN[field], [value] * PLAIN[field].count("%s")
    if field == "namespace":
        return "r.namespace_id = ANY (%s)", [list(resolve(value))]
    if field in NAMED:
        return _by_id(*NAMED[field], value)
    return _beginning(COLUMNS[field], value)


def _beginning(column: str, value: str) -> Sql:
    if value.endswith("*") and len(value) > 1:
        return f"starts_with({column}, %s)", [value[:-1]]
    return f"{column} = %s", [value]


def _by_id(column: str, name: str, value: str) -> Sql:
    try:
        return f"{column} = %s", [UUID(value)]
    except ValueError:
        return f"{name} = %s", [value]
