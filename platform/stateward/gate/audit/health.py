"""How sealing stands: for the whole installation, and for one tenant's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stateward.gate.audit.sealing import RECORDS
from stateward.gate.sequence.passes import unnumbered_rows
from stateward.kernel.flow import Flow, Statement

ALARM_SECONDS = 10.0  # records unsealed for longer mean that nobody seals, or not fast enough

SEALING = """
SELECT p.caught_up_at, extract(epoch FROM clock_timestamp() - p.caught_up_at)::float8,
    l.holder, coalesce(l.expires_at > clock_timestamp(), false)
FROM stateward_audit_progress p LEFT JOIN stateward_lease l ON l.name = 'sequencer'
"""
STANDING = """
SELECT t.size, t.alarm, c.sealed_at, c.renewed_at, (SELECT pass FROM stateward_audit_progress)
FROM (SELECT %s::uuid AS tenant) ask
LEFT JOIN stateward_audit_tree t ON t.tenant_id = ask.tenant
LEFT JOIN LATERAL (
    SELECT sealed_at, renewed_at FROM stateward_audit_checkpoint k
    WHERE k.tenant_id = ask.tenant ORDER BY size DESC LIMIT 1
) c ON true
"""
UNSEALED = f"""
SELECT count(*), min(at) FROM ({unnumbered_rows(RECORDS, "r.at", "r.tenant_id = %s")}) waiting
"""


@dataclass(frozen=True, slots=True)
class SealingHealth:
    """When there was last nothing left to seal, for any tenant; who seals, if anyone does."""

    caught_up_at: datetime
    lag_seconds: float
    holder: str | None
    is_alive: bool

    @property
    def is_late(self) -> bool:
        return self.lag_seconds > ALARM_SECONDS


@dataclass(frozen=True, slots=True)
class LogHealth:
    """One tenant's log. ``alarm`` says why nothing is signed any more."""

    size: int
    alarm: str | None
    sealed_at: datetime | None
    renewed_at: datetime | None
    unsealed: int
    unsealed_since: datetime | None


def sealing_health() -> Flow[SealingHealth]:
    """Of the installation: no tenant's rows are read."""
    rows = yield Statement(SEALING)
    return SealingHealth(*rows[0])


def log_health(tenant_id: UUID) -> Flow[LogHealth]:
    """Of one tenant, in its scope."""
    rows = yield Statement(STANDING, (tenant_id,))
    size, alarm, sealed_at, renewed_at, number = rows[0]
    waiting = yield Statement(UNSEALED, (number, tenant_id, tenant_id))
    return LogHealth(size or 0, alarm, sealed_at, renewed_at, *waiting[0])
