"""Changes of a value: RFC 7396 merge patches, RFC 6902 JSON Patches, and the difference of two
values. Pure functions.
"""

from __future__ import annotations

from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException

from stateward.kernel.errors import Fault, Malformed
from stateward.state.exceptions import PatchNotApplicable, PatchTestFailed

MAX_OPERATIONS = 1000
_MEMBERS = {
    "add": {"path", "value"},
    "remove": {"path"},
    "replace": {"path", "value"},
    "move": {"path", "from"},
    "copy": {"path", "from"},
    "test": {"path", "value"},
}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: members of ``patch`` replace those of ``target``, ``None`` removes them; anything
    else replaces all.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), change)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902. 400 when ``operations`` is no patch, 409 when a ``test`` fails, 422 when it does
    not fit ``target``.
    """
    _check(operations)
    for position, operation in enumerate(operations):
        try:
            target = jsonpatch.apply_patch(target, [operation])
        except jsonpatch.JsonPatchTestFailed:
            fault = Fault(f"/{position}", "the value is another")
            raise PatchTestFailed(errors=(fault,)) from None
        except (
            jsonpatch.JsonPatchException,
            JsonPointerException,
            TypeError,
            KeyError,
            IndexError,
            ValueError,
        ):
            fault = Fault(f"/{position}", "does not fit the value")
            raise PatchNotApplicable(errors=(fault,)) from None
    return target


def difference(before: Any, after: Any) -> list[dict[str, Any]]:
    """RFC 6902 operations that turn ``before`` into ``after``; an absent value is given as
    ``None``.
    """
    patch: list[dict[str, Any]] = jsonpatch.make_patch(before, after).patch
    return patch


def _check(operations: Any) -> None:
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise Malformed(
            f"A JSON Patch is an array of at most {MAX_OPERATIONS:,} operations.",
            errors=(Fault("", "not a JSON Patch"),),
        )
    for position, operation in enumerate(operations):
        if (message := _fault(operation)) is not None:
            raise Malformed(
                "The JSON Patch is not well formed.", errors=(Fault(f"/{position}", message),)
            )


def _fault(operation: Any) -> str | None:
    if not isinstance(operation, dict):
        return "an operation is an object"
    members = (
        _MEMBERS.get(operation.get("op", "")) if isinstance(operation.get("op"), str) else None
    )
    if members is None:
        return "op is one of add, remove, replace, move, copy, test"
    if missing := members - operation.keys():
        return f"lacks {', '.join(sorted(missing))}"
    for name in members & {"path", "from"}:
        pointer = operation[name]
        if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
            return f"{name} is not a JSON pointer"
    return None
