"""What a replica's update says, read before any of it is let in.

An update comes from outside, and what it does to a document costs time and space that do not depend
on its length alone: one byte can claim two thousand million deleted characters. So it is read here
first, in the plain format of Yjs (update v1, lib0 encoding), and anything that a document of its
kind has no use for is refused: nested types, embedded objects, formats, other roots, gaps, clocks
beyond 31 bits, texts with U+0000, values that are not strict JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stateward.kernel import strictjson
from stateward.kernel.errors import Malformed
from stateward.state.reducers import is_number

ROOT = "value"
MAX_UPDATE_BYTES = 512 * 1024
MAX_STRUCTS = 4_000
MAX_CLOCK = 2**31
MAX_CLIENT = 2**53
MAX_VARINT_BYTES = 9

GC, DELETED, STRING, ANY = 0, 1, 4, 8
HAS_ORIGIN, HAS_RIGHT_ORIGIN, HAS_SUB = 0x80, 0x40, 0x20
ANY_STRING = 119


class Unfit(Exception):
    """Why an update is refused."""


@dataclass(slots=True)
class Screened:
    """What an update reaches: for each client the clocks its structs begin and end at, the end of
    what they refer to, and of what it deletes; and how many structs it has.
    """

    begins: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    refers: dict[int, int] = field(default_factory=dict)
    deletes: dict[int, int] = field(default_factory=dict)
    structs: int = 0

    def is_ready(self, clocks: dict[int, int]) -> bool:
        """Whether a document of these clocks has all that the update builds on."""
        return all(clocks.get(client, 0) >= begin for client, begin in self.begins.items()) and all(
            max(clocks.get(client, 0), self.ends.get(client, 0)) >= end
            for reached in (self.refers, self.deletes)
            for client, end in reached.items()
        )

    def is_covered(self, clocks: dict[int, int]) -> bool:
        """Whether a document of these clocks has all of it."""
        return all(
            clocks.get(client, 0) >= end
            for reached in (self.ends, self.deletes)
            for client, end in reached.items()
        )


def screen(kind: str, update: bytes) -> Screened:
    """What the update reaches. Unfit, with the reason, where a document of ``kind`` has no such."""
    reader = _Reader(update)
    found = Screened()
    for _ in range(reader.count("clients")):
        _client(kind, reader, found)
    for _ in range(reader.count("clients with deletions")):
        client = reader.client()
        for _ in range(reader.count("deletions")):
            end = reader.clock() + reader.clock()
            found.deletes[client] = max(found.deletes.get(client, 0), _within(end))
    if reader.position != len(update):
        raise Unfit("something follows the update")
    return found


def clocks_of(state_vector: bytes) -> dict[int, int]:
    """A state vector: for each client the clock up to which its structs are known."""
    reader = _Reader(state_vector)
    clocks = {reader.client(): reader.clock() for _ in range(reader.count("clients"))}
    if reader.position != len(state_vector):
        raise Unfit("something follows the state vector")
    return clocks


def _client(kind: str, reader: _Reader, found: Screened) -> None:
    structs = reader.count("structs")
    found.structs += structs
    if found.structs > MAX_STRUCTS:
        raise Unfit(f"more than {MAX_STRUCTS:,} structs")
    client, clock = reader.client(), reader.clock()
    if client in found.begins:
        raise Unfit("a client twice")
    found.begins[client] = clock
    for _ in range(structs):
        clock = _within(clock + _struct(kind, reader, found))
    found.ends[client] = clock


def _struct(kind: str, reader: _Reader, found: Screened) -> int:
    """The length of the struct that begins here."""
    info = reader.byte()
    content = info & 0x1F
    if content == GC:
        return reader.length()
    if content not in {DELETED, STRING, ANY}:
        raise Unfit(f"content of the type {content}, for which there is no use here")
    for flag in (HAS_ORIGIN, HAS_RIGHT_ORIGIN):
        if info & flag:
            client, end = reader.client(), reader.clock() + 1
            found.refers[client] = max(found.refers.get(client, 0), end)
    if not info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN):
        _parent(kind, reader, has_sub=bool(info & HAS_SUB))
    if content == DELETED:
        return reader.length()
    if content == STRING:
        return _text(kind, reader)
    return _values(kind, reader)


def _parent(kind: str, reader: _Reader, *, has_sub: bool) -> None:
    if reader.number() != 1:
        raise Unfit("a type within a type")
    if reader.text() != ROOT:
        raise Unfit(f'a root other than "{ROOT}"')
    if has_sub != (kind in {"counter", "map"}):
        raise Unfit(f"what it changes is no {kind}")
    if has_sub:
        reader.text()


def _text(kind: str, reader: _Reader) -> int:
    if kind != "text":
        raise Unfit(f"characters in a {kind}")
    text = reader.text()
    if not text:
        raise Unfit("an empty struct")
    return len(text) + sum(
        character > "\uffff" for character in text
    )  # UTF-16 units, as Yjs counts


def _values(kind: str, reader: _Reader) -> int:
    if kind == "text":
        raise Unfit("values in a text")
    values = reader.length()
    for _ in range(values):
        if reader.byte() != ANY_STRING:
            raise Unfit("a value that is not JSON as text")
        _json(kind, reader.text())
    return values


def _json(kind: str, text: str) -> None:
    try:
        value: Any = strictjson.loads(text.encode())
    except Malformed:
        raise Unfit("a value that is not JSON as text") from None
    if kind == "counter" and not is_number(value):
        raise Unfit("a counter's sum that is no number")


def _within(clock: int) -> int:
    if clock >= MAX_CLOCK:
        raise Unfit("a clock beyond 31 bits")
    return clock


class _Reader:
    """lib0's encoding, front to back. Unfit where it ends early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def byte(self) -> int:
        if self.position >= len(self._data):
            raise Unfit("it ends too early")
        self.position += 1
        return self._data[self.position - 1]

    def number(self) -> int:
        total = shift = 0
        for _ in range(MAX_VARINT_BYTES):
            byte = self.byte()
            total |= (byte & 0x7F) << shift
            if byte < 0x80:
                return total
            shift += 7
        raise Unfit("a number that is too long")

    def count(self, of: str) -> int:
        """A number of things, each of which takes at least a byte."""
        number = self.number()
        if number > len(self._data) - self.position:
            raise Unfit(f"more {of} than it has bytes")
        return number

    def client(self) -> int:
        number = self.number()
        if number > MAX_CLIENT:
            raise Unfit("a client id beyond 53 bits")
        return number

    def clock(self) -> int:
        return _within(self.number())

    def length(self) -> int:
        number = self.clock()
        if number == 0:
            raise Unfit("an empty struct")
        return number

    def text(self) -> str:
        end = self.count("characters") + self.position
        try:
            text = self._data[self.position : end].decode("utf-8")
        except UnicodeDecodeError:
            raise Unfit("a text that is not UTF-8") from None
        if "\x00" in text:
            raise Unfit("a text with U+0000")
        self.position = end
        return text
