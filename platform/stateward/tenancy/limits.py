"""How often callers may call: a limit of the tenant's, and one of each credential's. Without a row
there is none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.kernel.gcra import Pace

Scope = Literal["credential", "tenant"]
MOST_PER_SECOND = 1_000_000
LEAST_PER_SECOND = 0.01
MOST_BURST = 1_000_000

FIND = """
SELECT subject, per_second, burst FROM stateward_rate_limit
WHERE tenant_id = %s AND subject = ANY (%s) ORDER BY subject = tenant_id
"""
PUT = """
INSERT INTO stateward_rate_limit (tenant_id, subject, per_second, burst) VALUES (%s, %s, %s, %s)
ON CONFLICT (tenant_id, subject) DO UPDATE
SET per_second = excluded.per_second, burst = excluded.burst, updated_at = excluded.updated_at
"""
DROP = "DELETE FROM stateward_rate_limit WHERE tenant_id = %s AND subject = %s"
COPY = """
INSERT INTO stateward_rate_limit (tenant_id, subject, per_second, burst)
SELECT tenant_id, %s, per_second, burst FROM stateward_rate_limit
WHERE tenant_id = %s AND subject = %s
"""


class RateLimit(NamedTuple):
    """So many requests a second, so many at once, of one credential or of the whole tenant."""

    scope: Scope
    tenant_id: UUID
    subject: UUID  # the credential's id; the tenant's own
    pace: Pace


def rate_limits_of(tenant_id: UUID, *subjects: UUID | None) -> Flow[tuple[RateLimit, ...]]:
    """Those of these credentials (by id) and of the tenant (by its id); credentials' first. In the
    tenant's scope.
    """
    wanted = [subject for subject in subjects if subject is not None]
    rows = yield Statement(FIND, (tenant_id, wanted))
    return tuple(
        RateLimit(
            "tenant" if row[0] == tenant_id else "credential", tenant_id, row[0], Pace(*row[1:])
        )
        for row in rows
    )


def set_rate_limit(tenant_id: UUID, subject: UUID, pace: Pace | None) -> Flow[None]:
    """From now on; None takes it away. Whoever calls has decided, and raises the epoch."""
    if pace is None:
        yield Statement(DROP, (tenant_id, subject))
    else:
        yield Statement(PUT, (tenant_id, subject, *pace))


def copy_rate_limit(tenant_id: UUID, old: UUID, new: UUID) -> Flow[None]:
    """A rotated credential keeps its limit."""
    yield Statement(COPY, (new, tenant_id, old))
