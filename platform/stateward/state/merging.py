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

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from stateward.state.sameness import same

ABSENT: Any = object()  # there is nothing at that place


NONE_CHOSEN: Mapping[str, Literal["theirs", "ours"]] = {}


class Place(NamedTuple):
    """One place that differs, with what each has there (ABSENT: nothing). ``by``: who changed it;
    ``both`` made the same of it.
    """

    pointer: str
    base: Any
    theirs: Any
    ours: Any
    by: Literal["theirs", "ours", "both", "conflict"]


class Merged(NamedTuple):
    """The merged value, or where both sides changed the same place: RFC 6901 pointers, sorted.

    ``value`` is ABSENT where nothing remains; with conflicts it says nothing.
    """

    value: Any
    conflicts: tuple[str, ...] = ()


def merge(
    base: Any, theirs: Any, ours: Any, chosen: Mapping[str, Literal["theirs", "ours"]] = NONE_CHOSEN
) -> Merged:
    """What ``theirs`` and ``ours``, both made from ``base``, come to together. ``chosen``: which
    side is taken at places that would conflict.
    """
    conflicts: list[str] = []
    value = _merge(base, theirs, ours, "", conflicts)
    if chosen and conflicts:
        for pointer in conflicts:
            if pointer in chosen:
                side = theirs if chosen[pointer] == "theirs" else ours
                value = _put(value, pointer, _at(side, pointer))
        conflicts = [pointer for pointer in conflicts if pointer not in chosen]
    return Merged(value, tuple(sorted(conflicts)))


def _at(value: Any, pointer: str) -> Any:
    for name in _names(pointer):
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def _put(value: Any, pointer: str, member: Any) -> Any:
    """``value`` with another member, or none, at a place whose objects are all there."""
    names = _names(pointer)
    if not names:
        return member
    copy = dict(value)
    inner = _put(copy.get(names[0], ABSENT), pointer[len(_escaped(names[0])) + 1 :], member)
    if inner is ABSENT:
        copy.pop(names[0], None)
    else:
        copy[names[0]] = inner
    return copy


def _names(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def places(base: Any, theirs: Any, ours: Any) -> Iterator[Place]:
    """Every place that a side changed, in the order of ``theirs``, then of ``ours``."""
    return _places(base, theirs, ours, "")


def _places(base: Any, theirs: Any, ours: Any, at: str) -> Iterator[Place]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        before = base if isinstance(base, dict) else {}
        for name in dict.fromkeys([*theirs, *ours, *before]):
            sides = [side.get(name, ABSENT) for side in (before, theirs, ours)]
            yield from _places(sides[0], sides[1], sides[2], f"{at}/{_escaped(name)}")
        return
    if _is_same(theirs, ours):
        if not _is_same(base, ours):
            yield Place(at, base, theirs, ours, "both")
    elif _is_same(base, ours):
        yield Place(at, base, theirs, ours, "theirs")
    elif _is_same(base, theirs):
        yield Place(at, base, theirs, ours, "ours")
    else:
        yield Place(at, base, theirs, ours, "conflict")


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
        place = f"{at}/{_escaped(name)}"
        was, his, mine = (side.get(name, ABSENT) for side in (base, theirs, ours))
        value = _merge(was, his, mine, place, conflicts)
        if value is not ABSENT:
            merged[name] = value
    return merged


def _is_same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)
