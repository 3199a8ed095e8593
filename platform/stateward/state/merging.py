"""Three-way merge of JSON: what two sides made of a common base, brought together.

Objects are merged member by member, at every depth. Everything else, arrays too, is one place: a
list has no member names by which an inserted item could be told from a changed one, and a merge
that guesses is worse than one that asks. At one place:

- a side that left it as it was in the base yields to the other;
- both made the same of it (or both removed it): that is the result;
- both made an object of it: its members are merged, against the base's where that was an object;
- anything else is a conflict at that place's pointer.

``merge`` commutes: with ``theirs`` and ``ours`` exchanged the value is the same JSON value and the
conflicts are the same pointers. Only the order of members, which JSON does not know, follows
``theirs`` first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stateward.state.sameness import same

ABSENT: Any = object()  # there is nothing at that place


class Merged(NamedTuple):
    """The merged value, or where both sides changed the same place: RFC 6901 pointers, sorted.

    ``value`` is ABSENT where nothing remains; with conflicts it says nothing.
    """

    value: Any
    conflicts: tuple[str, ...] = ()


def merge(base: Any, theirs: Any, ours: Any) -> Merged:
    """What ``theirs`` and ``ours``, both made from ``base``, come to together."""
    conflicts: list[str] = []
    value = _merge(base, theirs, ours, "", conflicts)
    return Merged(value, tuple(sorted(conflicts)))


def _merge(base: Any, theirs: Any, ours: Any, at: str, conflicts: list[str]) -> Any:
    if _is_same(theirs, ours) or _is_same(base, ours):
        return theirs
    if _is_same(base, theirs):
        return ours
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return _merge_members(base if isinstance(base, dict) else {}, theirs, ours, at, conflicts)
    conflicts.append(at)
    return theirs


def _merge_members(
    base: dict[str, Any],
    theirs: dict[str, Any],
    ours: dict[str, Any],
    at: str,
    conflicts: list[str],
) -> dict[str, Any]:
    names = [*theirs, *(name for name in ours if name not in theirs)]
    merged = {}
    for name in names:
        place = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        was, his, mine = (side.get(name, ABSENT) for side in (base, theirs, ours))
        value = _merge(was, his, mine, place, conflicts)
        if value is not ABSENT:
            merged[name] = value
    return merged


def _is_same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)
