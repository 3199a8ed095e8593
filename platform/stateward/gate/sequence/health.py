"""How numbering stands: whether somebody gives what is committed its place, for followers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stateward.gate.sequence.numbering import LEASE
from stateward.kernel.flow import Flow, Statement

ALARM_SECONDS = 10.0  # a killed one's lease ends after four, and another takes it at once

STANDING = """
SELECT holder, extract(epoch FROM clock_timestamp() - expires_at)::float8
FROM stateward_lease WHERE name = %s
"""


@dataclass(frozen=True, slots=True)
class NumberingHealth:
    """Who numbers, or did last; seconds since its lease ended, 0 while it has it, infinite where
    nobody ever had.
    """

    holder: str | None
    silent_seconds: float

    @property
    def is_silent(self) -> bool:
        """Whether followers wait, and will."""
        return self.silent_seconds > ALARM_SECONDS


def numbering_health() -> Flow[NumberingHealth]:
    """Of the whole installation."""
    rows = yield Statement(STANDING, (LEASE,))
    if not rows:
        return NumberingHealth(None, math.inf)
    holder, since = rows[0]
    return NumberingHealth(str(holder), max(float(since), 0.0))
