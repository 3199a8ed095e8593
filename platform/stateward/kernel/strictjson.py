"""JSON as RFC 8259 and I-JSON mean it, with a pointer to whatever is wrong.

Refused: numbers of more than 1,000 digits or beyond binary64's range, a byte order mark, duplicate
members, NaN and
Infinity, lone surrogates, U+0000, nesting over 100, bytes that are not UTF-8. Integers come back
digit for digit.

The common case is one pass of the standard library's scanner with two cheap hooks. Only when
something is wrong, or may be (an escape that could be a surrogate, many brackets), a second and
slower pass finds out where. It skips what the scanner finds whole, and its work is bounded: a text
made so that the search is long is refused all the same, with the place that was reached.
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
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile("[\ud800-\udfff]")


# Scalars that surely are fine, as many as follow each other: passed over in one step.
_PLAIN = (
    r'"[^"\\\x00-\x1f]*+"|true|false|null'
    r"|-?(?:0|[1-9][0-9]{0,199}+)(?:\.[0-9]{1,200}+)?+(?:[eE][+-]?[0-9]{1,2}+)?+(?![0-9.eE])"
)
_ITEMS = re.compile(rf"(?:[ \t\n\r]*+(?:{_PLAIN})[ \t\n\r]*+,)++")
_MEMBER = rf'[ \t\n\r]*+"([^"\\\x00-\x1f]*+)"[ \t\n\r]*+:[ \t\n\r]*+(?:{_PLAIN})[ \t\n\r]*+,'
_ONE_MEMBER = re.compile(_MEMBER)
_MEMBERS = re.compile(rf"(?:{_MEMBER.replace('([', '(?:[')})++")
_QUOTED = re.compile(r'"[^"]*+"')
# What the second pass may take: tokens looked at one by one, containers skipped whole, and
# characters that the scanner looked through in vain.
MAX_STEPS, MAX_WHOLE, MAX_SCANNED = 10_000, 30_000, 1024 * 1024
_NEXT = re.compile(r"[ \t\n\r]*,[ \t\n\r]*(?=[\[{])")


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
    is_deep = _is_deep(text)
    try:
        if is_deep:
            raise _Suspicious
        value = _decode(text)
        if _is_odd(text):
            raise _Suspicious
    except (_Suspicious, ValueError, RecursionError):
        place, message = _SecondPass(text, is_deep).first_fault()
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
    # Up to 308 characters it is surely within binary64's range.
    if len(text) > 308 and _number_fault(text) is not None:
        raise _Suspicious
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number) or (len(text) > MAX_DIGITS and _number_fault(text) is not None):
        raise _Suspicious
    return number


def _no_constant(text: str) -> Any:
    raise _Suspicious


_decoder = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_finite, parse_int=_integer, parse_constant=_no_constant
)
_decode = _decoder.decode


def _is_odd(text: str) -> bool:
    """Whether an escape spells U+0000 or half of a pair."""
    if "\\u" not in text or not _ODD_ESCAPE.search(text):
        return False
    return _ODD_ESCAPE.search(_PAIR.sub("", text.replace("\\\\", ""))) is not None


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    outside = "".join(text.split('"')[::2])  # of strings: what they hold is no bracket
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", outside):
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

    def __init__(self, text: str, is_deep: bool) -> None:
        self._text = text
        self._open: list[_Open] = []
        self._expects_name = False
        self._is_deep = is_deep
        self._scanned = self._whole = 0

    def first_fault(self) -> tuple[str, str | None]:
        """(pointer, what is wrong), or ("", None) if there is nothing that this pass knows."""
        look = {1: self._string, 2: _number_fault, 3: self._punctuation, 4: _no_fault}
        position, end, steps = 0, len(self._text), 0
        while position < end:
            position = self._skip(position)
            steps += 1
            if steps > MAX_STEPS:
                return self._given_up()
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

    def _skip(self, position: int) -> int:
        """Past what surely is fine and begins here: scalars in a row, or a whole container."""
        if not self._open or self._text[position - 1] not in "[{,:":
            return position
        container = self._open[-1]
        if container.bracket == "{" and self._expects_name:
            return self._skip_members(container, position)
        if container.bracket == "[" and (run := _ITEMS.match(self._text, position)):
            items = _QUOTED.sub("", run[0]).count(",")
            container.position = int(container.position or 0) + items
            position = run.end()
        return self._skip_containers(container, position)

    def _skip_members(self, container: _Open, position: int) -> int:
        run = _MEMBERS.match(self._text, position)
        if run is None:
            return position
        names = _ONE_MEMBER.findall(self._text, position, run.end())
        if len(container.names) + len(names) == len(container.names.union(names)):
            container.names.update(names)
            container.position = names[-1]
            return run.end()
        for member in _ONE_MEMBER.finditer(self._text, position, run.end()):
            if member[1] in container.names:
                return member.start()  # the token that comes is the one that is wrong
            container.names.add(member[1])
        return position

    def _skip_containers(self, container: _Open, position: int) -> int:
        """Past the array or object that begins here, and in an array past all that follow, as long
        as the scanner finds them whole.
        """
        while (end := self._end_of_whole(position)) > position:
            following = _NEXT.match(self._text, end) if container.bracket == "[" else None
            if following is None:
                return end
            container.position = int(container.position or 0) + 1
            position = following.end()
        return position

    def _end_of_whole(self, position: int) -> int:
        if self._text[position : position + 1] not in {"[", "{"} or self._is_deep:
            return position
        if self._scanned > MAX_SCANNED or self._whole > MAX_WHOLE:
            return position
        self._whole += 1
        try:
            _, end = _decoder.raw_decode(self._text, position)
        except json.JSONDecodeError as error:
            self._scanned += error.pos - position
        except (_Suspicious, ValueError, RecursionError):
            self._scanned += len(self._text) - position
        else:
            return position if _is_odd(self._text[position:end]) else end
        return position

    def _given_up(self) -> tuple[str, str | None]:
        """The text is longer than the search: where that ended, and what the scanner says."""
        _, message = self._syntax()
        further = "a fault that lies further on: a number, a name or an escape not accepted"
        return self._pointer(), message or further

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
