"""Stateward for smolagents.

``state_tools`` gives an agent governed state; ``StepRecorder`` keeps every step of a run as it
happens, and ``resume`` continues the run in another process. Needs the extra:
``pip install 'stateward[smolagents]'``.
"""

from __future__ import annotations

from agents_bridge._extras import need

need("smolagents", "smolagents")

from agents_bridge.smolagents._exceptions import (  # noqa: E402  # after the extra is known
    DifferentAgent,
    NoSuchRun,
    RunExists,
    RunMovedOn,
)
from agents_bridge.smolagents._recording import StepRecorder  # noqa: E402
from agents_bridge.smolagents._resuming import load_steps, resume  # noqa: E402
from agents_bridge.smolagents._tools import state_tools  # noqa: E402

__all__ = [
    "DifferentAgent",
    "NoSuchRun",
    "RunExists",
    "RunMovedOn",
    "StepRecorder",
    "load_steps",
    "resume",
    "state_tools",
]
