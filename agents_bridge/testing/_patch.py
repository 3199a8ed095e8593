"""RFC 7396, RFC 6902 and the difference of two values, as far as the fake server needs them."""

from __future__ import annotations

import copy
from typing import Any

from agents_bridge.testing._problems import Refusal


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), change)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902; the target stays as it was."""
    if not isinstance(operations, list):
        raise Refusal(400, "malformed", "A JSON Patch is an array of operations.", pointer="")
    root = [copy.deepcopy(target)]  # one box around the value, so that "" is a place like any other
    for position, operation in enumerate(operations):
        try:
            _apply(root, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise Refusal(
                422,
                "patch_not_applicable",
                "The patch does not fit the value.",
                pointer=f"/{position}",
            ) from None
        except _TestFailed:
            raise Refusal(
                409,
                "patch_test_failed",
                "A test operation of the JSON Patch failed.",
                pointer=f"/{position}",
            ) from None
    return root[0]


def difference(before: Any, after: Any, pointer: str = "") -> list[dict[str, Any]]:
    """Operations that turn ``before`` into ``after``: member by member in objects, whole
    elsewhere.
    """
    if _same(before, after):
        return []
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [{"op": "replace", "path": pointer, "value": after}]
    patch: list[dict[str, Any]] = []
    for name in before.keys() | after.keys():
        place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in after:
            patch.append({"op": "remove", "path": place})
        elif name not in before:
            patch.append({"op": "add", "path": place, "value": after[name]})
        else:
            patch += difference(before[name], after[name], place)
    return sorted(patch, key=lambda operation: str(operation["path"]))


class _TestFailed(Exception):
    """A ``test`` operation found another value."""


def _apply(root: list[Any], operation: dict[str, Any]) -> None:
    name, path = operation["op"], operation["path"]
    if name == "test":
        if not _same(_value_at(root, path), operation["value"]):
            raise _TestFailed
    elif name == "remove":
        _remove(root, path)
    elif name == "replace":
        _remove(root, path)
        _add(root, path, copy.deepcopy(operation["value"]))
    elif name == "add":
        _add(root, path, copy.deepcopy(operation["value"]))
    elif name == "copy":
        _add(root, path, copy.deepcopy(_value_at(root, operation["from"])))
    elif name == "move":
        if path.startswith(operation["from"] + "/"):
            raise ValueError("nothing moves into itself")
        value = _value_at(root, operation["from"])
        _remove(root, operation["from"])
        _add(root, path, value)
    else:
        raise ValueError(name)


def _parts(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise ValueError("not a JSON pointer")
    return ["0", *(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])]


def _parent(root: list[Any], path: str) -> tuple[Any, str]:
    *above, last = _parts(path)
    place: Any = root
    for part in above:
        place = place[_index(place, part) if isinstance(place, list) else part]
    if not isinstance(place, dict | list):
        raise TypeError("no container")
    return place, last


def _value_at(root: list[Any], path: str) -> Any:
    parent, last = _parent(root, path)
    return parent[_index(parent, last)] if isinstance(parent, list) else parent[last]


def _remove(root: list[Any], path: str) -> None:
    parent, last = _parent(root, path)
    if isinstance(parent, list):
        del parent[_index(parent, last)]
    else:
        del parent[last]


def _add(root: list[Any], path: str, value: Any) -> None:
    if path == "":
        root[:] = [value]
        return
    parent, last = _parent(root, path)
    if isinstance(parent, dict):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    else:
        index = _index(parent, last, beyond=1)
        parent.insert(index, value)


def _index(items: list[Any], part: str, *, beyond: int = 0) -> int:
    if not part.isascii() or not part.isdigit() or (len(part) > 1 and part.startswith("0")):
        raise ValueError("not an index")
    index = int(part)
    if index >= len(items) + beyond:
        raise IndexError(index)
    return index


def _same(left: Any, right: Any) -> bool:
    """Equality as JSON has it: 1 and true differ, 1 and 1.0 do not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
