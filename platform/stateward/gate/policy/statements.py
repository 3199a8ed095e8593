"""A policy's text as statements with places: what Cedar parsed, and where each clause and conjunct
of it stands.

A *statement* is one ``permit`` or ``forbid``. Cedar's own syntax tree carries no positions, so
they come from the tokens; Cedar parses each statement by itself, and whatever it does not accept is
a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cedarpy
from cedarpy import pst

from stateward.gate.policy.caps import capped_tokens
from stateward.gate.policy.tokens import TextFault, Token, fault_at

_OPENS = frozenset("([{")
_CLOSES = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One thing that must hold, as written. In an ``unless`` it must not."""

    text: str
    offset: int
    negated: bool

    def as_clause(self) -> str:
        return f"{'unless' if self.negated else 'when'} {{ {self.text} }}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One permit or forbid of a policy's text."""

    text: str
    offset: int
    effect: Literal["permit", "forbid"]
    head: str  # effect and scope as written, without clauses and semicolon
    parts: tuple[str, str, str]  # principal and resource of the scope, and what follows it
    conjuncts: tuple[Conjunct, ...]
    tree: pst.Template

    def opened(self, *, principal: bool, resource: bool) -> str:
        """The statement with the action, and what else is said to be settled, left open."""
        who, what, rest = self.parts
        who = "principal" if principal else who
        what = "resource" if resource else what
        return f"{self.effect} ({who}, action, {what}) {rest}"


def parse(text: str) -> tuple[Statement, ...] | TextFault:
    """The statements of ``text``, or the first fault in it."""
    tokens = capped_tokens(text)
    if isinstance(tokens, TextFault):
        return tokens
    found: list[Statement] = []
    for part in _split(tokens):
        statement = _parse_one(text, part)
        if isinstance(statement, TextFault):
            return statement
        found.append(statement)
    return tuple(found) or fault_at(text, 0, "there is no permit or forbid here")


def _split(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens of each statement, the semicolon that ends it included."""
    part: list[Token] = []
    for token in tokens:
        part.append(token)
        if token.text == ";":
            yield part
            part = []
    if part:
        yield part


def _parse_one(text: str, tokens: list[Token]) -> Statement | TextFault:
    start, end = tokens[0].start, tokens[-1].end
    own = text[start:end]
    try:
        parsed = cedarpy.policies_to_pst(own)
    except ValueError as error:
        return fault_at(text, *_where(text, tokens, str(error)))
    if len(parsed.static_policies) != 1:
        return fault_at(text, start, "a policy has no slots such as ?principal; name who and what")
    [tree] = parsed.static_policies.values()
    body = _body_starts(tokens)
    principal, _, resource = _scope_parts(text, tokens[:body])
    return Statement(
        text=own,
        offset=start,
        effect=tree.effect,
        head=text[_effect_starts(tokens) : tokens[body - 1].end],
        parts=(principal, resource, text[tokens[body].start : end]),
        conjuncts=tuple(_conjuncts(text, tokens[body:-1])),
        tree=tree,
    )


def _where(text: str, tokens: list[Token], message: str) -> tuple[int, str]:
    """The offset of what Cedar complains about, and its complaint. It names the token, not the
    place.

    A left-to-right parser fails at the first token that cannot follow; so that token is the first
    of its spelling up to which the text gives the same complaint.
    """
    named = message.split("`")[1] if message.count("`") >= 2 else message.rpartition(": ")[2]
    same = [token for token in tokens if token.text == named]
    start = tokens[0].start
    for token in same[:-1]:
        if _complaint(text[start : token.end]) == message:
            return token.start, message
    if same:
        return same[-1].start, message
    if "end of" in message:
        return tokens[-1].end - 1, message
    if "nesting" in message:
        return (
            start,
            "more than 100 conditions in a chain; split the policy, or use [...].contains(...)",
        )
    return max(text.find(named, start), start), message


def _complaint(text: str) -> str | None:
    try:
        cedarpy.policies_to_pst(text)
    except ValueError as error:
        return str(error)
    return None


def _effect_starts(tokens: list[Token]) -> int:
    """Past the annotations: ``@note("...")``."""
    before = ""
    for token in tokens:
        if token.text in {"permit", "forbid"} and before != "@":
            return token.start
        before = token.text
    return tokens[0].start  # pragma: no cover  # Cedar accepted it, so it has an effect


def _body_starts(tokens: list[Token]) -> int:
    """The index of the first token after the scope."""
    for index, token in enumerate(tokens):
        if token.text in {"when", "unless", ";"} and tokens[index - 1].text == ")":
            return index
    return len(tokens) - 1  # pragma: no cover  # Cedar accepted it, so the scope is closed


def _scope_parts(text: str, tokens: list[Token]) -> list[str]:
    """Principal, action and resource of the scope, as written."""
    opened = next(
        index
        for index, token in enumerate(tokens)
        if token.start > _effect_starts(tokens) and token.text == "("
    )
    inner = tokens[opened + 1 : -1]
    commas = [index for index in _top_level(inner) if inner[index].text == ","]
    bounds = zip([0, *(comma + 1 for comma in commas)], [*commas, len(inner)], strict=True)
    return [text[inner[a].start : inner[b - 1].end] for a, b in bounds if a < b]


def _conjuncts(text: str, tokens: list[Token]) -> Iterator[Conjunct]:
    index = 0
    while index < len(tokens):
        negated = tokens[index].text == "unless"
        end = _closing(tokens, index + 1)
        yield from _pieces(text, tokens[index + 2 : end], negated)
        index = end + 1


def _pieces(text: str, tokens: list[Token], negated: bool) -> Iterator[Conjunct]:
    """A condition taken apart at its top: ``a && b`` in a when, ``a || b`` in an unless (not a, and
    not b).
    """
    while tokens[0].text == "(" and _closing(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    joint = "||" if negated else "&&"
    # ``||`` binds looser than ``&&``, and an ``if`` swallows all that follows: neither can be cut
    # apart beneath.
    whole = {"if"} if negated else {"if", "||"}
    top = list(_top_level(tokens))
    cuts = [index for index in top if tokens[index].text == joint]
    if not cuts or any(tokens[index].text in whole for index in top):
        start = tokens[0].start
        yield Conjunct(text[start : tokens[-1].end], start, negated)
        return
    for begin, end in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(tokens)], strict=True):
        yield from _pieces(text, tokens[begin:end], negated)


def _closing(tokens: list[Token], opened: int) -> int:
    """The index of the bracket that closes the one at ``opened``."""
    depth = 0
    for index in range(opened, len(tokens)):
        if tokens[index].text in _OPENS:
            depth += 1
        elif tokens[index].text in _CLOSES:
            depth -= 1
            if depth == 0:
                return index
    return len(tokens) - 1  # pragma: no cover  # Cedar accepted it, so its brackets match


def _top_level(tokens: list[Token]) -> Iterator[int]:
    depth = 0
    for index, token in enumerate(tokens):
        if token.text in _OPENS:
            depth += 1
        elif token.text in _CLOSES:
            depth -= 1
        elif depth == 0:
            yield index
