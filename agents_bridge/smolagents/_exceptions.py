"""What recording and continuing runs refuses."""

from __future__ import annotations

from agents_bridge._errors import StatewardError


class RunExists(StatewardError):
    """There is a run of this id already: resume it, or choose another id."""


class NoSuchRun(StatewardError):
    """Nothing is recorded under this run id."""


class RunMovedOn(StatewardError):
    """Another process has recorded this step of the run; this one must not go on."""


class DifferentAgent(StatewardError):
    """The agent's system prompt is not the one the run was recorded with; to continue anyway, pass
    strict=False.
    """
