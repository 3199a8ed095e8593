"""Key patterns: what rules and holds say about keys.

``*`` stands for any run of characters, ``?`` for one; everything else for itself. Whatever was
typed, a match costs little: between two stars stands a text of fixed length, and each is looked
for once, from left to right. There is nothing in it that could go back and try again.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_PATTERN = 512
MAX_STARS = 8


class KeyPattern:
    """A compiled pattern. Compare, keep and show it by its ``text``."""

    __slots__ = ("_first", "_last", "_middle", "_tail", "is_exact", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        parts = re.sub(r"\*+", "*", text).split("*")
        self.is_exact = len(parts) == 1
        self._first = _fixed(parts[0])
        self._last = _fixed(parts[-1])
        self._tail = len(parts[-1])
        self._middle = [_fixed(part) for part in parts[1:-1] if part]

    def matches(self, key: str) -> bool:
        found = self._first.match(key)
        if found is None:
            return False
        if self.is_exact:
            return found.end() == len(key)
        at, end = found.end(), len(key) - self._tail
        if end < at or self._last.match(key, end) is None:
            return False
        for part in self._middle:
            found = part.search(key, at, end)
            if found is None:
                return False
            at = found.end()
        return True


@lru_cache(maxsize=4096)
def key_pattern(text: str) -> KeyPattern:
    """The pattern that ``text`` spells, compiled once."""
    return KeyPattern(text)


def pattern_fault(text: str) -> str | None:
    """Why ``text`` may not be a pattern; None where it may."""
    if len(text) > MAX_PATTERN:
        return f"at most {MAX_PATTERN} characters"
    if text.count("*") > MAX_STARS:
        return f"at most {MAX_STARS} stars"
    if "/" in text or any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
        return "no key holds a '/', a control character or half of one"
    return None


def as_like(text: str) -> str:
    """The same pattern for SQL's LIKE."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return escaped.replace("*", "%").replace("?", "_")


def _fixed(part: str) -> re.Pattern[str]:
    """A text of fixed length, in which only ``?`` is open: no repetition, so nothing to retry."""
    return re.compile("".join("." if one == "?" else re.escape(one) for one in part), re.DOTALL)
