"""JSON as RFC 8259 and I-JSON mean it, with a pointer to whatever is wrong.

Refused: numbers of more than 1,000 digits or beyond binary64's range, a byte order mark, duplicate
members, NaN and
Infinity, lone surrogates, U+0000, nesting over 100, bytes that are not UTF-8. Integers come back
digit for digit.

The common case is one pass of the standard library's scanner with two cheap hooks. Only when
something is wrong, or may
be (an escape that could be a surrogate, many brackets), a second and slower pass finds out where.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from stateward.kernel.errors import Fault, Malformed, TooLarge

MAX_DEPTH = 100
MAX_DIGITS = 1000

_STRING = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_TOKEN = re.compile(
    rf"[ \t\n\r]*(?:({_STRING})|({_NUMBER})|([\[\]{{}},:])|(true|false|null))", re.DOTALL
)
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Suspicious(Exception):
    """The fast pass met something that the second pass must place."""


def loads(data: bytes, *, max_bytes: int | None = None, pointer: str = "") -> Any:
    """The value that ``data`` spells. ``pointer`` is put before the pointers of faults.

    Raises TooLarge (413) above ``max_bytes`` and Malformed (400) with one fault that says where and
    what.
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
        place, message = _SecondPass(text).first_fault()
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


@dataclass(slots=True)
class _Open:
    """A container the second pass is in, with its current member or index."""

    bracket: str
    position: str | int | None
    names: set[str] = field(default_factory=set)


class _SecondPass:
    """Walks the tokens with the path to where it is, until something is wrong."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[_Open] = []
        self._expects_name = False

    def first_fault(self) -> tuple[str, str | None]:
        """(pointer, what is wrong), or ("", None) if there is nothing that this pass knows."""
        look = {1: self._string, 2: _number_fault, 3: self._punctuation, 4: _no_fault}
        position, end = 0, len(self._text)
        while position < end:
            match = _TOKEN.match(self._text, position)
            if match is None:
                rest = self._text[position : position + 20].lstrip(" \t\n\r")
                if rest:
                    return self._pointer(), f"not JSON at {rest!r}"
                break
            kind = match.lastindex or 0
            if (message := look[kind](match.group(kind))) is not None:
                return self._pointer(), message
            position = match.end()
        return self._syntax()

    def _pointer(self) -> str:
        positions = [container.position for container in self._open]
        return "".join(f"/{_escape(str(part))}" for part in positions if part is not None)

    def _string(self, written: str) -> str | None:
        try:
            content: str = json.loads(written)
        except ValueError:
            return "not a JSON string"
        if "\x00" in content:
            return "contains U+0000"
        if _SURROGATE.search(content):
            return "contains a lone surrogate"
        return self._name(content) if self._expects_name else None

    def _name(self, name: str) -> str | None:
        self._expects_name = False
        container = self._open[-1]
        container.position = name
        if name in container.names:
            return "a member of this name occurs twice"
        container.names.add(name)
        return None

    def _punctuation(self, sign: str) -> str | None:
        container = self._open[-1] if self._open else None
        if sign in "[{":
            if len(self._open) == MAX_DEPTH:
                return f"nested more than {MAX_DEPTH} deep"
            self._open.append(_Open(sign, 0 if sign == "[" else None))
            self._expects_name = sign == "{"
        elif sign in "]}" and container is not None:
            self._open.pop()
            self._expects_name = False
        elif sign == "," and container is not None:
            if isinstance(container.position, int):
                container.position += 1
            self._expects_name = container.bracket == "{"
        return None

    def _syntax(self) -> tuple[str, str | None]:
        try:
            json.loads(self._text)
        except RecursionError:
            return "", f"nested more than {MAX_DEPTH} deep"
        except json.JSONDecodeError as error:
            where = f"at line {error.lineno}, column {error.colno}"
            return self._pointer(), f"not JSON: {error.msg} {where}"
        except ValueError:
            return self._pointer(), "not JSON"
        return "", None


def _no_fault(_word: str) -> str | None:
    return None


def _number_fault(written: str) -> str | None:
    if sum(character.isdigit() for character in written) > MAX_DIGITS:
        return f"a number of more than {MAX_DIGITS:,} digits"
    if math.isinf(float(written)):
        return "a number beyond binary64's range"
    return None
