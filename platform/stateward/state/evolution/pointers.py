"""JSON pointers (RFC 6901) within a value that steps change in place."""

from __future__ import annotations

from typing import Any

from stateward.state.evolution.failing import BadStep, StepFailed

MISSING: Any = object()
MAX_POINTER = 1000
Path = tuple[str, ...]


def parse_pointer(text: Any, at: str) -> Path:
    """The parts of a pointer; BadStep at ``at`` where it is none."""
    if not isinstance(text, str) or len(text) > MAX_POINTER or (text and not text.startswith("/")):
        raise BadStep(at, "not a JSON pointer")
    parts = text.split("/")[1:]
    if any("~" in part.replace("~0", "").replace("~1", "") for part in parts):
        raise BadStep(at, "not a JSON pointer")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def find(value: Any, path: Path) -> Any:
    """What is there, or MISSING."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part, MISSING)
        elif isinstance(value, list):
            value = value[int(part)] if _is_index(part) and int(part) < len(value) else MISSING
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """The value with ``new`` there, changed in place; its parent must be there and hold names."""
    if not path:
        return new
    parent = find(value, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = new
        return value
    if isinstance(parent, list) and _is_index(path[-1]) and int(path[-1]) < len(parent):
        parent[int(path[-1])] = new
        return value
    raise StepFailed("there is nothing to put it into")


def take(value: Any, path: Path) -> Any:
    """Remove and answer what is there, or MISSING; only members of objects are taken."""
    parent = find(value, path[:-1]) if path else MISSING
    return parent.pop(path[-1], MISSING) if isinstance(parent, dict) else MISSING


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= 9 and (part == "0" or part[0] != "0")
