"""What ends a job's work from outside, in the middle of it.

None of these is an ``Exception``: a job that goes on after a failing item must not go on after
them.
"""

from __future__ import annotations


class Interrupted(BaseException):
    """The work ends here, by no fault of its own."""


class Cancelled(Interrupted):
    """Somebody asked for the run's end."""


class LeaseLost(Interrupted):
    """Another worker has taken the run over; this one may change nothing more."""


class Paused(Interrupted):
    """The run has had its turn: it waits in the queue again, and goes on from its checkpoint."""
