"""Who is told of refusals. The audit lies above this plumbing, so it registers itself here
(``governance.people``).
"""

from __future__ import annotations

from collections.abc import Callable

from stateward.kernel.errors import StatewardError
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
