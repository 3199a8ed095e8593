"""One process at a time: a row with an end and a token.

The end says when another may take over; the *token*, which rises with every change of holder, makes
it safe. A holder that slept past its end still has the old token, and every transaction it makes
begins by comparing (``hold``). The comparison locks the row until the transaction ends: nobody can
take over in the middle of one.
"""

from __future__ import annotations

import os
import platform

from stateward.gate.sequence.exceptions import LeaseLost
from stateward.kernel.flow import Flow, Statement

ACQUIRE = """
INSERT INTO stateward_lease AS l (name, holder, token, expires_at)
VALUES (%s, %s, 1, clock_timestamp() + make_interval(secs => %s))
ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = l.token + 1, expires_at = excluded.expires_at
    WHERE l.expires_at < clock_timestamp() OR l.holder = %s
RETURNING token
"""
RENEW = """
UPDATE stateward_lease SET expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE name = %s AND token = %s RETURNING token
"""
RELEASE = """
UPDATE stateward_lease SET expires_at = clock_timestamp() WHERE name = %s AND token = %s
"""
HOLD = """
SELECT 1 FROM stateward_lease WHERE name = %s AND token = %s FOR SHARE
"""


def acquire(name: str, holder: str, seconds: float, *, instead_of: str = "") -> Flow[int | None]:
    """The token under which ``holder`` has the lease now; None while another has it.

    ``instead_of`` is a holder known to be dead, whose end need not be waited for.
    """
    rows = yield Statement(ACQUIRE, (name, holder, seconds, instead_of))
    return int(rows[0][0]) if rows else None


def holder_of(name: str) -> Flow[str | None]:
    """Who has the lease, or had it last."""
    rows = yield Statement("SELECT holder FROM stateward_lease WHERE name = %s", (name,))
    return str(rows[0][0]) if rows else None


def renew(name: str, token: int, seconds: float) -> Flow[None]:
    """Put the end off; raises LeaseLost where another has taken over."""
    rows = yield Statement(RENEW, (seconds, name, token))
    if not rows:
        raise LeaseLost


def release(name: str, token: int) -> Flow[None]:
    """Let another take over at once."""
    yield Statement(RELEASE, (name, token))


def hold(name: str, token: int) -> Flow[None]:
    """Begin a transaction with this: it keeps the lease until the end, or raises LeaseLost."""
    rows = yield Statement(HOLD, (name, token))
    if not rows:
        raise LeaseLost


def is_dead(holder: str) -> bool:
    """Whether the holder was a process of this host that is no more. A wrong guess does no harm:
    whoever lost the lease is stopped by its token.
    """
    node, _, pid = holder.rpartition(":")
    if node != platform.node() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(pid) == os.getpid()
