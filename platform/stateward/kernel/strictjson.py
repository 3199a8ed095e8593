"""JSON as RFC 8259 and I-JSON mean it, with a pointer to whatever is wrong.

Refused: numbers of more than 1,000 digits or beyond binary64's range, a byte order mark, duplicate members, NaN and
Infinity, lone surrogates, U+0000, nesting over 100, bytes that are not UTF-8. Integers come back digit for digit.

The common case is one pass of the standard library's scanner with two cheap hooks. Only when something is wrong, or may
be (an escape that could be a surrogate, many brackets), a second and slower pass finds out where.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from stateward.kernel.errors import Fault, Malformed, TooLarge

MAX_DEPTH = 100
MAX_DIGITS = 1000

_STRING = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_TOKEN = re.compile(rf"[ \t\n\r]*(?:({_STRING})|({_NUMBER})|([\[\]{{}},:])|(true|false|null))", re.DOTALL)
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Suspicious(Exception):
    """The fast pass met something that the second pass must place."""


def loads(data: bytes, *, max_bytes: int | None = None, pointer: str = "") -> Any:
    """The value that ``data`` spells. ``pointer`` is put before the pointers of faults.

    Raises TooLarge (413) above ``max_bytes`` and Malformed (400) with one fault that says where and what.
    """
    if max_bytes is not None and len(data) > max_bytes:
        raise TooLarge(f"The body has {len(data):,} bytes; at most {max_bytes:,} are accepted.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(pointer, f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _refuse(pointer, "begins with a byte order mark")
    try:
        if _is_deep(text):
            raise _Suspicious
        value = _decode(text)
        if "\\u" in text and _ODD_ESCAPE.search(text):
            raise _Suspicious
    except (_Suspicious, ValueError, RecursionError):
        place, message = _first_fault(text)
        if message:
            raise _refuse(pointer + place, message) from None
        return json.loads(text)  # the suspicion was unfounded: digits or escapes that only look odd
    return value


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _refuse(pointer: str, message: str) -> Malformed:
    return Malformed(f"The JSON is not acceptable: {message}.", errors=(Fault(pointer, message),))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Suspicious
    return members


def _integer(text: str) -> int:
    if len(text) > 308:  # the longest that is surely within binary64's range
        raise _Suspicious
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if len(text) > MAX_DIGITS or math.isinf(number):
        raise _Suspicious
    return number


def _no_constant(text: str) -> Any:
    raise _Suspicious


_decode = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_finite, parse_int=_integer, parse_constant=_no_constant
).decode


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", _STRINGS.sub("", text)):
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        else:
            depth -= 1
    return False


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


class _Place:
    """Where the second pass is: a stack of open containers, each with its current member or index."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, str | int | None, set[str]]] = []  # (bracket, position, names)

    def pointer(self, extra: str | None = None) -> str:
        positions = [position for _, position, _ in self.stack]
        if extra is not None:
            positions[-1] = extra
        return "".join(f"/{_escape(str(part))}" for part in positions if part is not None)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """(kind, text) of each token: 1 string, 2 number, 3 punctuation, 4 word, 0 something else."""
    position, end = 0, len(text)
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            if text[position:].strip(" \t\n\r"):
                yield 0, text[position : position + 20].lstrip()
            return
        yield match.lastindex or 0, match.group(match.lastindex or 0)
        position = match.end()


def _first_fault(text: str) -> tuple[str, str | None]:
    """(pointer, what is wrong) of the first fault, or ("", None) if there is none that this pass knows."""
    place = _Place()
    expects_name = False
    for kind, token in _tokens(text):
        if kind == 0:
            return place.pointer(), f"not JSON at {token!r}"
        if kind == 1:
            if (message := _string_fault(token)) is not None:
                return place.pointer(), message
            if expects_name and place.stack:
                name = json.loads(token)
                if name in place.stack[-1][2]:
                    return place.pointer(name), "a member of this name occurs twice"
                place.stack[-1][2].add(name)
                place.stack[-1] = (place.stack[-1][0], name, place.stack[-1][2])
                expects_name = False
        elif kind == 2:
            if (message := _number_fault(token)) is not None:
                return place.pointer(), message
        elif kind == 3:
            if token in "[{":
                if len(place.stack) == MAX_DEPTH:
                    return place.pointer(), f"nested more than {MAX_DEPTH} deep"
                place.stack.append((token, 0 if token == "[" else None, set()))
                expects_name = token == "{"
            else:
                expects_name = _step(place, token)
    return _syntax_fault(text, place)


def _step(place: _Place, token: str) -> bool:
    """Move on at ``, : ] }``; whether a member's name comes next."""
    if token in "]}":
        if place.stack:
            place.stack.pop()
        return False
    if token == "," and place.stack:
        bracket, position, names = place.stack[-1]
        if isinstance(position, int):
            place.stack[-1] = (bracket, position + 1, names)
        return bracket == "{"
    return False


def _string_fault(token: str) -> str | None:
    try:
        content = json.loads(token)
    except ValueError:
        return "not a JSON string"
    if "\x00" in content:
        return "contains U+0000"
    if _SURROGATE.search(content):
        return "contains a lone surrogate"
    return None


def _number_fault(token: str) -> str | None:
    if sum(character.isdigit() for character in token) > MAX_DIGITS:
        return f"a number of more than {MAX_DIGITS:,} digits"
    if math.isinf(float(token)):
        return "a number beyond binary64's range"
    return None


def _syntax_fault(text: str, place: _Place) -> tuple[str, str | None]:
    try:
        json.loads(text)
    except RecursionError:
        return "", f"nested more than {MAX_DEPTH} deep"
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not JSON"
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return place.pointer(), f"not JSON: {reason}{where}"
    return "", None
