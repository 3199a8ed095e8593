"""Who is told of refusals. The audit lies above this plumbing, so it registers itself here
(``governance.people``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from stateward.kernel.errors import NotFound, StatewardError
from stateward.tenancy.actors import Actor, Call

Recorder = Callable[[Actor | None, Call, StatewardError], None]
_recorders: list[Recorder] = []


def record_refusals_with(recorder: Recorder) -> Recorder:
    """Have ``recorder`` called, outside the undone transaction, for each 401 and 403 of the control
    plane.
    """
    if recorder not in _recorders:
        _recorders.append(recorder)
    return recorder


def record_refusal(actor: Actor | None, call: Call, error: StatewardError) -> None:
    for recorder in _recorders:
        recorder(actor, call, error)


def names_what_was_missed(error: StatewardError, places: Mapping[str, Any]) -> bool:
    """Whether a 404 is about an id in the address; it then says so for the record.

    Someone who walks through ids must not go unseen because none of them is there. ``places`` are
    the address's parts by name; the id of something that exists and may not be known of is recorded
    with its decision.
    """
    if type(error) is not NotFound or hasattr(error, "denial") or hasattr(error, "decision"):
        return False
    ids = [(name, value) for name, value in places.items() if isinstance(value, UUID)]
    if not ids:
        return False
    name, value = ids[-1]
    error.denial = {  # type: ignore[attr-defined]  # read by whoever records denials
        "action": "access",
        "resource_type": name.removesuffix("_id"),
        "resource_id": str(value),
        "reason": NotFound.code,
    }
    return True
