"""Whether the database's clock may be believed, before anything is destroyed by it.

Every due date is the database's time. Were its clock, or this machine's, to jump ahead, everything
would be due at once. Two clocks seldom jump together: where the database's and this process's are
more than an hour apart, nothing is expired or purged until they agree again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from stateward.kernel.clock import now
from stateward.kernel.flow import Flow, Statement
from stateward.state.exceptions import ClockJumped

MOST_APART = timedelta(hours=1)
NOW = "SELECT clock_timestamp()"


def check_clock() -> Flow[datetime]:
    """The database's time; ClockJumped (503) where it is not near this process's."""
    rows = yield Statement(NOW)
    database: datetime = rows[0][0]
    apart = abs(database - now())
    if apart > MOST_APART:
        raise ClockJumped(
            f"The database's clock and this machine's are {apart} apart; "
            "nothing is expired or purged until they agree."
        )
    return database
