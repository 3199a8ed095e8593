"""Where in a JSON text a pointer leads: for marks in an editor."""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Place(NamedTuple):
    """Both count from 1."""

    line: int
    column: int


def place_of(text: str, pointer: str) -> Place:
    """Where the value at ``pointer`` begins in a well-formed text; else where its nearest parent
    does.
    """
    found = _starts(text)
    while pointer and pointer not in found:
        pointer = pointer.rpartition("/")[0]
    return place_at(text, found.get(pointer, 0))


def place_at(text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _starts(text: str) -> dict[str, int]:
    """The offset at which each value begins, by pointer."""
    starts: dict[str, int] = {}
    stack: list[list[str | int | None]] = []  # of each open container: the name or index it is at
    wants_name = False
    for token in TOKEN.finditer(text):
        word = token.group()
        if word == ",":
            if stack and isinstance(stack[-1][0], int):
                stack[-1][0] += 1
            else:
                wants_name = True
        elif word in "}]":
            stack.pop() if stack else None
            wants_name = False
        elif word == ":":
            wants_name = False
        elif wants_name:
            name = word[1:-1].replace("\\/", "/").replace('\\"', '"')
            stack[-1][0] = name.replace("~", "~0").replace("/", "~1")
        else:
            starts["".join(f"/{level[0]}" for level in stack)] = token.start()
            if word in "{[":
                stack.append([0 if word == "[" else None])
                wants_name = word == "{"
    return starts
