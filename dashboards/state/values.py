"""A JSON value as people read it: a tree whose branches fold, or its text.

A tree is capped, because a page of ten thousand nodes helps nobody; the text is not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MOST_LEAVES = 240
INLINE = 68  # characters of a branch that still stands on one line
LONGEST_TEXT = 2_000  # characters of one text in the tree
TONES = {str: "code-text", int: "code-number", float: "code-number", bool: "code-word"}


def text_of(value: Any) -> str:
    """The value with an indent of two, integers digit for digit."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short(value: Any, most: int = 160) -> str:
    """On one line, cut at ``most`` characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def pointer(parent: str, name: str | int) -> str:
    """The RFC 6901 pointer of a member."""
    return f"{parent}/{str(name).replace('~', '~0').replace('/', '~1')}"


def value_tree(value: Any, changed: Collection[str] = ()) -> SafeString:
    """The value as nested branches; lines at or below a pointer of ``changed`` are marked."""
    return _Tree(frozenset(changed)).node(value, "", "", "")


class _Tree:
    """Builds markup depth first, and stops opening branches once the page has enough lines."""

    def __init__(self, changed: frozenset[str]) -> None:
        self.changed = changed
        self.left = MOST_LEAVES

    def node(self, value: Any, at: str, name: str, after: str) -> SafeString:
        self.left -= 1
        if isinstance(value, dict | list) and value and not _is_short(value, name):
            return self._branch(value, at, name, after)
        mark = " changed" if self._is_changed(at) else ""
        return format_html(
            '<div class="leaf{}">{}{}{}</div>', mark, label(name), inline(value), after
        )

    def _is_changed(self, at: str) -> bool:
        if not self.changed:
            return False
        parts = at.split("/")
        if any("/".join(parts[:end]) in self.changed for end in range(1, len(parts) + 1)):
            return True
        return any(one.startswith(f"{at}/") for one in self.changed)

    def _branch(
        self, value: dict[str, Any] | list[Any], at: str, name: str, after: str
    ) -> SafeString:
        opens, closes = "{}" if isinstance(value, dict) else "[]"
        unit = "member" if isinstance(value, dict) else "item"
        hint = f"{len(value):,} {unit}{'' if len(value) == 1 else 's'}"
        return format_html(
            '<details class="branch" open><summary>{}{} <span class="hint">{}</span></summary>'
            '<div class="inside">{}</div></details><div class="leaf">{}{}</div>',
            label(name),
            opens,
            hint,
            format_html_join("", "{}", ((one,) for one in self._members(value, at))),
            closes,
            after,
        )

    def _members(self, value: dict[str, Any] | list[Any], at: str) -> Iterator[SafeString]:
        pairs: list[tuple[str | int, Any]] = (
            list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        )
        for place, (name, child) in enumerate(pairs):
            if self.left <= 0:
                rest = len(pairs) - place
                yield format_html('<div class="leaf cut">{} more; Raw shows all</div>', f"{rest:,}")
                return
            comma = "," if place < len(pairs) - 1 else ""
            shown = name if isinstance(name, str) else ""
            yield self.node(child, pointer(at, name), shown, comma)


def label(name: str) -> SafeString | str:
    """A member's name before its value; nothing for an item of an array."""
    if not name:
        return ""
    return format_html('<span class="name">{}</span>: ', json.dumps(name, ensure_ascii=False))


def inline(value: Any) -> SafeString:
    """A short value on one line, in the colours of code."""
    if isinstance(value, dict) and value:
        members = ((label(name), inline(child)) for name, child in value.items())
        return format_html("{{ {} }}", format_html_join(", ", "{}{}", members))
    if isinstance(value, list) and value:
        return format_html("[{}]", format_html_join(", ", "{}", ((inline(one),) for one in value)))
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}… {len(text):,} characters"
    return format_html('<span class="{}">{}</span>', TONES.get(type(value), "code-word"), text)


def _is_short(value: dict[str, Any] | list[Any], name: str) -> bool:
    if len(value) > 8:
        return False
    if sum(isinstance(one, dict | list) for one in _children(value)) > 1:
        return False
    return len(json.dumps(value, ensure_ascii=False)) + len(name) <= INLINE


def _children(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value)
