"""What managing sinks refuses."""

from __future__ import annotations

from stateward.kernel.errors import Conflict


class SinkNameTaken(Conflict):
    """A sink of this name exists already."""

    code, title = "sink_name_taken", "Name taken"


class TooManySinks(Conflict):
    """The tenant has as many sinks as allowed; remove one first."""

    code, title = "too_many_sinks", "Too many sinks"
