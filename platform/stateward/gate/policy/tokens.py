"""Cedar's tokens with their places, read in one pass without recursion, before any parser sees the
text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from stateward.kernel.errors import Fault

Kind = Literal["name", "text", "number", "slot", "sign"]

# Comments and texts end where Cedar's own lexer ends them (a comment at a carriage return as well),
# or code could hide from the caps in what looks like a comment here.
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f]+|//[^\r\n\x00]*)
      | (?P<text>"(?:[^"\\\x00]|\\[^\n\x00])*")
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+)
      | (?P<slot>\?[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>::|&&|\|\||==|!=|<=|>=|[()\[\]{},;.:<>!+*@=-])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class TextFault(Fault):
    """One thing wrong with a policy's text. Line and column count from 1, the offset from 0."""

    line: int
    column: int
    offset: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "pointer": self.pointer,
            "message": self.message,
            "line": self.line,
            "column": self.column,
        }


def fault_at(text: str, offset: int, message: str) -> TextFault:
    line, column = place(text, offset)
    return TextFault("/text", message, line, column, offset)


def place(text: str, offset: int) -> tuple[int, int]:
    """The line and column of ``offset``, counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def tokenize(text: str) -> list[Token] | TextFault:
    """The tokens of ``text``, or the first character that can begin none."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return fault_at(text, position, _complaint(text[position]))
        kind = match.lastgroup
        if kind != "space":
            tokens.append(Token(kind, match.group(), position))  # type: ignore[arg-type]  # group names are the kinds
        position = match.end()
    return tokens


def _complaint(character: str) -> str:
    if character == '"':
        return "this text is never closed"
    return f"{character!r} has no meaning here"
