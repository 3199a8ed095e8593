"""Identifiers: what names a person, found in keys and values, and the same however it is written.
Plain Python.

A declaration says where in a namespace's entries an identifier of one kind stands: at a JSON
pointer of the value (``/passengers/*/email``; ``*`` is every member or item), or in the key
(``customer:{}``; ``{}`` is the identifier). Nothing here is kept: what leaves this module is hashed
under the tenant's key, with its kind, before it is stored anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

MAX_IDENTIFIER = 320  # characters: an e-mail address has no more
MAX_POINTER = 512
MAX_DEPTH = 16
MAX_FOUND = 500  # identifiers in one value
KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
HOLE = "{}"
_SPACES = re.compile(r"\s+")
_NOT_IN_NUMBERS = re.compile(r"[\s().\-/]+")
# So that no value, which is JSON, and no identity of an entry can have the same hash.
DOMAIN = b"stateward subject\x00"


class Declaration(NamedTuple):
    """Where identifiers of one kind stand."""

    kind: str
    source: str  # value or key
    path: str  # a JSON pointer, or a key with a hole


class Identifier(NamedTuple):
    """One name of a person, as it is compared."""

    kind: str
    text: str

    @property
    def hashed(self) -> bytes:
        """What is hashed under the tenant's key."""
        return DOMAIN + self.kind.encode() + b"\x00" + self.text.encode()


def declaration_fault(declared: Declaration) -> tuple[str, str] | None:
    """The member that is not taken, and why; None where all is well."""
    if not KIND.fullmatch(declared.kind):
        return "kind", "lower-case letters, digits and '_', at most 40, a letter first"
    if declared.source not in {"value", "key"}:
        return "source", "value or key"
    if not 0 < len(declared.path) <= MAX_POINTER:
        return "path", f"1 to {MAX_POINTER} characters"
    fault = _key_fault(declared.path) if declared.source == "key" else _fault(declared.path)
    return ("path", fault) if fault else None


def _key_fault(path: str) -> str:
    ends = path.split(HOLE)
    is_one = len(ends) == 2 and any(ends)
    return "" if is_one else "a key with one {} for the identifier, and something beside it"


def _fault(path: str) -> str:
    is_pointer = path.startswith("/") and path.count("/") <= MAX_DEPTH
    return "" if is_pointer else f"a JSON pointer of at most {MAX_DEPTH} parts"


def normalised(kind: str, text: str) -> str:
    """The text as it is compared: e-mail addresses and names in lower case, telephone numbers
    without what only divides them. "" where nothing is left.
    """
    clean = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()
    if kind == "phone":
        clean = _NOT_IN_NUMBERS.sub("", clean)
        clean = f"+{clean[2:]}" if clean.startswith("00") else clean
    return clean[:MAX_IDENTIFIER]


def identifier(kind: str, text: str) -> Identifier | None:
    """What a text names; None where it is empty."""
    clean = normalised(kind, text)
    return Identifier(kind, clean) if clean else None


def hint(one: Identifier) -> str:
    """What is shown of it: enough to tell two requests apart, too little to find somebody by."""
    if one.kind == "email" and "@" in one.text:
        name, _, host = one.text.partition("@")
        return f"{_ends(name)}@{_ends(host)}"
    return _ends(one.text)


def _ends(text: str) -> str:
    return f"{text[0]}…{text[-1]}" if len(text) > 3 else "…"


def found_in(declared: Iterable[Declaration], key: str, value: Any) -> set[Identifier]:
    """The identifiers in one key and its value, at most 500 of them."""
    found: set[Identifier] = set()
    for one in declared:
        texts = _in_key(one.path, key) if one.source == "key" else _at(one.path, value)
        for text in texts:
            named = identifier(one.kind, text)
            if named is not None:
                found.add(named)
            if len(found) >= MAX_FOUND:
                return found
    return found


def _in_key(pattern: str, key: str) -> list[str]:
    before, _, after = pattern.partition(HOLE)
    inside = key[len(before) : len(key) - len(after)]
    return [inside] if key == f"{before}{inside}{after}" else []


def _at(pointer: str, value: Any) -> Iterator[str]:
    """The texts and whole numbers at a pointer."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    places = [value]
    for part in parts:
        places = [inner for place in places for inner in _within(place, part)]
    for place in places:
        if isinstance(place, str):
            yield place
        elif isinstance(place, int) and not isinstance(place, bool):
            yield str(place)


def _within(place: Any, part: str) -> list[Any]:
    if isinstance(place, Mapping):
        if part == "*":
            return list(place.values())
        return [place[part]] if part in place else []
    if isinstance(place, list):
        if part == "*":
            return place
        return [place[int(part)]] if part.isdecimal() and int(part) < len(place) else []
    return []
