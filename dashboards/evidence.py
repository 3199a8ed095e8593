"""The pulse of proof: when the tenant's records were last sealed, and how many that covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from dashboards import figures
from stateward.kernel.flow import Flow, Statement

# An idle log's checkpoint is signed again each minute, so an old one means that nobody seals.
LATE = timedelta(minutes=3)
STANDING = """
WITH sample AS ({counted})
SELECT clock_timestamp(), t.size, t.alarm, c.sealed_at, c.renewed_at, c.key_id, c.size,
    (SELECT min(r.at) FROM stateward_audit_record r
     WHERE r.tenant_id = ask.tenant AND r.at > coalesce(c.sealed_at, '-infinity')),
    (SELECT caught_up_at FROM stateward_audit_progress),
    (SELECT count(*) FROM sample)
FROM (SELECT %s::uuid AS tenant) ask
LEFT JOIN stateward_audit_tree t ON t.tenant_id = ask.tenant
LEFT JOIN LATERAL (
    SELECT * FROM stateward_audit_checkpoint k WHERE k.tenant_id = ask.tenant
    ORDER BY size DESC LIMIT 1
) c ON true
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is proven of a tenant's records, by the database's clock ``now``."""

    now: datetime
    size: int
    alarm: str | None
    sealed_at: datetime | None
    renewed_at: datetime | None
    key_id: UUID | None
    waiting_since: datetime | None  # the oldest record past the last seal
    caught_up_at: datetime  # when the sealer last had nothing left to do, for any tenant
    counted: int = 0  # rows of the query that was asked together with it

    @property
    def age(self) -> timedelta | None:
        return self.now - self.renewed_at if self.renewed_at else None

    @property
    def lag(self) -> timedelta:
        """How long the oldest record waits for its seal."""
        return self.now - self.waiting_since if self.waiting_since else timedelta()

    @property
    def tone(self) -> str:
        if self.alarm:
            return "bad"
        if self.age is None:
            return "none"
        return "late" if self.age > LATE else ""

    @property
    def says(self) -> str:
        if self.alarm:
            return "Sealing is held"
        if self.age is None:
            return "Nothing sealed yet"
        return f"Sealed {figures.span(self.age)} ago"

    @property
    def covers(self) -> str:
        if self.size == 0:
            return "no records in the tree"
        return f"{figures.whole(self.size)} record{'' if self.size == 1 else 's'} in the tree"


def evidence(tenant_id: UUID, counted: QuerySet[Any, Any] | None = None) -> Flow[Evidence]:
    """How the tenant's tree stands; within the tenant's scope. ``counted``: of what else the same
    statement counts the rows, because every page shows both.
    """
    text, values = ("SELECT 1 LIMIT 0", ()) if counted is None else counted.query.sql_with_params()
    rows = yield Statement(STANDING.format(counted=text), (*values, tenant_id))
    now, size, alarm, sealed_at, renewed_at, key_id, covered, waiting, caught_up, count = rows[0]
    size = covered or size or 0
    return Evidence(now, size, alarm, sealed_at, renewed_at, key_id, waiting, caught_up, count)
