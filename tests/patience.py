"""How long tests wait for what should happen, in seconds: a bound on a hang, and no claim about
speed. What must be quick is measured by ``make bench``, and what must be back in time by
``make faults``, on a machine that does nothing else.
"""

from __future__ import annotations

import os

PATIENCE = 60.0


def in_time(took: float, promised: float) -> bool:
    """Whether ``took`` keeps what is ``promised``; true where speed is not judged."""
    return took <= promised or "STATEWARD_JUDGE_SPEED" not in os.environ


def at_most(promised: float) -> float:
    """How long to wait for what is promised so soon."""
    return promised if "STATEWARD_JUDGE_SPEED" in os.environ else PATIENCE
