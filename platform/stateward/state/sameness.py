"""When two JSON values are the same: numbers by what they amount to, objects whatever their order.

Python says that ``1 == True``; JSON does not. ``identity`` gives something hashable that is equal
for the same values and for no others, so that lists can be searched by it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether two values are one JSON value: ``1`` is ``1.0`` and neither is ``true``."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def identity(value: Any) -> Hashable:
    """Equal for values that are ``same``, and only for those."""
    if isinstance(value, dict):
        return "object", frozenset((name, identity(member)) for name, member in value.items())
    if isinstance(value, list):
        return "array", tuple(map(identity, value))
    if isinstance(value, bool) or value is None:
        return "word", value
    # Integers and floats that are equal have equal hashes; texts are never equal to numbers.
    return "scalar", value
