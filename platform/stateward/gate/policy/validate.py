"""Whether a policy's text may come into force: capped, parsed, and strictly checked against the
schema.

Cedar's validator says what is wrong, not where. So statements are cut short behind one condition or
another, and what is wrong for the first time with a condition is placed there, at the name it
complains of. This search has a budget; what it has not placed by then is told at the statement's
beginning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cedarpy
from cedarpy import pst

from stateward.gate.policy.index import walk
from stateward.gate.policy.statements import Statement, parse
from stateward.gate.policy.tokens import TextFault, fault_at
from stateward.gate.policy.vocabulary import SCHEMA_VERSION

_LACKS = " has no attribute "
_MOST_NAMED = 3
# Conditions the validator may be given in the search for places, all statements of a text together.
# One costs it up to half a millisecond, where a scope leaves every action and type open.
_BUDGET = 120
SCHEMA_FILE = Path(__file__).with_name("schema") / f"v{SCHEMA_VERSION}.cedarschema"


@cache
def schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(SCHEMA_FILE.read_text(encoding="utf-8"))


def validate(text: str) -> tuple[TextFault, ...]:
    """All that is wrong with ``text``, in the order of its places; nothing if it is valid."""
    statements = parse(text)
    if isinstance(statements, TextFault):
        return (statements,)
    places: defaultdict[int, set[str]] = defaultdict(set)
    budget = [_BUDGET]
    for statement in statements:
        for offset, message in _faults(statement, budget):
            places[statement.offset + offset].add(message)
    return tuple(
        fault_at(text, offset, message)
        for offset in sorted(places)
        for message in _merged(places[offset])
    )


def _merged(messages: set[str]) -> list[str]:
    """One sentence for an attribute that several types lack; the rest as they are."""
    lacking: defaultdict[str, list[str]] = defaultdict(list)
    others = []
    for message in sorted(messages):
        kind, found, name = message.partition(_LACKS)
        if found:
            lacking[name].append(kind)
        else:
            others.append(message)
    for name, kinds in lacking.items():
        more = f" and {len(kinds) - _MOST_NAMED} more" if len(kinds) > _MOST_NAMED else ""
        sentence = f"there is no attribute {name} on {', '.join(kinds[:_MOST_NAMED])}{more}"
        others.append(f"{sentence}; name a narrower scope if it is meant for others")
    return others


def _faults(statement: Statement, budget: list[int]) -> Iterator[tuple[int, str]]:
    """Offsets within the statement, and what is wrong there."""
    yield from _foreign_reads(statement)
    all_told = _complaints(statement.text)
    if not all_told:
        return
    in_scope = _complaints(f"{statement.head};")
    scope_at = statement.text.index(statement.head)
    for message in in_scope:
        yield _place(message, statement.head, scope_at), _plain(message)
    if in_scope:
        return
    search = _Search(statement, budget)
    for number, messages in search.first_told(all_told):
        conjunct = statement.conjuncts[number]
        at = conjunct.offset - statement.offset
        for message in messages:
            yield _place(message, conjunct.text, at), _plain(message)
    for message in all_told - search.placed:
        yield scope_at, _plain(message)


class _Search:
    """Which condition each complaint is first made about."""

    def __init__(self, statement: Statement, budget: list[int]) -> None:
        self._statement = statement
        self._budget = budget
        self._told: dict[int, set[str]] = {0: set()}
        self.placed: set[str] = set()

    def first_told(self, all_told: set[str]) -> Iterator[tuple[int, set[str]]]:
        """The numbers of conditions, ascending, and what is new with each."""
        count = len(self._statement.conjuncts)
        done = 0  # conditions whose complaints are placed
        while done < count and not self.placed >= all_told and self._budget[0] > 0:
            step, low, high = 1, done, min(done + 1, count)
            while not self._new(high) and high < count:  # first in growing steps, then halving them
                step *= 2
                low, high = high, min(high + step, count)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if self._new(middle) else (middle, high)
            new = self._new(high)
            self.placed |= new
            yield high - 1, new
            done = high

    def _new(self, count: int) -> set[str]:
        """What is told of the first ``count`` conditions and has no place yet."""
        if count not in self._told:
            self._budget[0] -= count
            clauses = (conjunct.as_clause() for conjunct in self._statement.conjuncts[:count])
            self._told[count] = _complaints(f"{self._statement.head} {' '.join(clauses)};")
        return self._told[count] - self.placed


def _complaints(text: str) -> set[str]:
    """What Cedar's validator says of one statement, without what merely follows from the rest."""
    result = cedarpy.validate_policies(text, schema())
    messages = {re.sub(r"^for policy `[^`]*`, ", "", error.error) for error in result.errors}
    followed = {message for message in messages if "unable to find an applicable action" in message}
    return messages - followed or followed


def _foreign_reads(statement: Statement) -> Iterator[tuple[int, str]]:
    """Attributes of an entity that is merely named: only principal and resource are at hand."""
    for node in walk(statement.tree.clauses):
        base: Any = getattr(node, "base", None)
        if isinstance(node, pst.BinaryOp) and node.op in {"get_tag", "has_tag"}:
            base = node.left
        if isinstance(base, pst.EntityLit):
            written = re.search(rf"{re.escape(str(base.value.type))}\s*::\s*\"", statement.text)
            offset = written.start() if written else 0
            yield offset, "only the principal's and the resource's own attributes can be read"


def _place(message: str, text: str, offset: int) -> int:
    """Where in ``text`` the first thing stands that the message names."""
    for named in re.findall(r"`([^`]+)`", message):
        name = re.escape(named)
        found = re.search(rf"\b{name}\b" if re.fullmatch(r"\w+", named) else name, text)
        if found:
            return offset + found.start()
    return offset


_PLAIN: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (
        r"attribute `(?P<name>\w+)` (?:on|in) (?:entity type )?`?(?P<type>[\w ]+)`? .*not found",
        lambda m: f"{m['type'].strip()}{_LACKS}{m['name']!r}",
    ),
    (
        r".*access to optional attribute `(?P<name>\w+)` in context",
        lambda m: f"{m['name']!r} may be absent; first test: context has {m['name']}",
    ),
    (
        r".*access to tag `\"(?P<name>.*)\"` on entity",
        lambda m: f'the label may be absent; first test: resource.hasTag("{m["name"]}")',
    ),
    (r"unrecognized action `(?P<name>.*)`", lambda m: f"there is no action {m['name']}"),
    (r"unrecognized entity type `(?P<name>.*)`", lambda m: f"there is no type {m['name']}"),
    (
        r"unable to find an applicable action",
        lambda _: "no action fits this principal and this resource together",
    ),
)


def _plain(message: str) -> str:
    """The most common complaints in words a policy's author understands; the others as Cedar says
    them.
    """
    for pattern, sentence in _PLAIN:
        match = re.match(pattern, message)
        if match:
            return sentence(match)
    return message
