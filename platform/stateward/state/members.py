"""Members of a request's body, checked one by one; each refusal names its place."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from stateward.kernel.errors import Fault, Malformed, NotFound, unfit


def text_member(document: dict[str, Any], name: str) -> str:
    """A member that must be a text. Malformed (400) otherwise."""
    value = document[name]
    if not isinstance(value, str):
        raise Malformed(f"{name} is a text.", errors=(Fault(f"/{name}", "not a text"),))
    return value


def seconds_member(
    document: dict[str, Any], name: str, *, most: float, least: float = 0.0, default: float = 0.0
) -> float:
    """A number of seconds from ``least`` to ``most``. Unprocessable (422) otherwise."""
    value = document.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (least <= value <= most):
        raise unfit(name, f"a number of seconds from {least:g} to {most:,.0f}")
    return float(value)


def whole_member(document: dict[str, Any], name: str, *, least: int, most: int) -> int:
    """A whole number in a range."""
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise unfit(name, f"a whole number from {least} to {most:,}")
    return value


def id_in_path(text: str) -> UUID:
    """An id as the path names it: what is none is simply not found."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(found) != text:
        raise NotFound
    return found
