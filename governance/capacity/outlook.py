"""How a tenant's storage stands and goes on: what page, REST, command and report all show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from governance.capacity.forecast import (
    FEWEST,
    Exhaustion,
    Forecast,
    Interval,
    Measured,
    forecast,
)
from governance.capacity.queries import (
    Grower,
    Quota,
    database_days,
    days_of,
    growers,
    quota_of,
    today,
)
from stateward.operations.metrics.disk import volume_bytes
from stateward.operations.metrics.storage import Stored
from stateward.tenancy.scope import run_flow

AHEAD = 30
NOTHING: dict[str, Any] = {"on": None, "low": None, "expected": None, "high": None}
NO_END = Exhaustion(None, None, None)


@dataclass(frozen=True, slots=True)
class Volume:
    """The database's disk, as a share that is used: sizes are all tenants' together."""

    share: float
    end: Exhaustion


@dataclass(frozen=True, slots=True)
class Outlook:
    """One tenant's storage. ``total`` is values and revisions in bytes, ``entries`` those that
    live; a forecast is None where there is too little history.
    """

    day: date
    days: Sequence[Stored]
    quota: Quota
    bytes_ahead: Forecast | None
    entries_ahead: Forecast | None
    volume: Volume | None
    namespaces: Sequence[Grower]
    agents: Sequence[Grower]

    @property
    def latest(self) -> Stored | None:
        return self.days[-1] if self.days else None

    @property
    def total(self) -> int:
        return _total(self.latest) if self.latest else 0

    @property
    def entries(self) -> int:
        return self.latest.entries if self.latest else 0

    @property
    def missing_days(self) -> int:
        """How many more days have to be measured before a forecast is made."""
        return max(FEWEST - len(self.days), 0)

    @property
    def bytes_end(self) -> Exhaustion:
        return _end(self.bytes_ahead, self.quota.bytes)

    @property
    def entries_end(self) -> Exhaustion:
        return _end(self.entries_ahead, self.quota.entries)

    @property
    def end(self) -> tuple[str, Exhaustion]:
        """What runs out first: ``bytes``, ``entries`` or ``disk``; empty if nothing does."""
        ends = [("bytes", self.bytes_end), ("entries", self.entries_end)]
        ends += [("disk", self.volume.end)] if self.volume else []
        known = [(what, end) for what, end in ends if end.expected or end.earliest]
        return min(known, key=lambda one: _sooner(one[1]), default=("", NO_END))


def outlook(tenant_id: UUID) -> Outlook:
    """Within the tenant's scope."""
    day = run_flow(today())
    days = days_of(tenant_id, day)
    return Outlook(
        day,
        days,
        run_flow(quota_of(tenant_id)),
        _ahead(days, _total),
        _ahead(days, lambda one: one.entries),
        _volume(day),
        run_flow(growers(tenant_id, "namespace", day)),
        run_flow(growers(tenant_id, "agent", day)),
    )


def body(slug: str, found: Outlook) -> dict[str, Any]:
    """As JSON: the report, the command's line, and the REST answer."""
    what, end = found.end
    ahead = found.bytes_ahead
    return {
        "tenant": slug,
        "entries": found.entries,
        "bytes": found.total,
        "measured_days": len(found.days),
        "growth_per_day": round(ahead.slope) if ahead else None,
        "entries_per_day": round(found.entries_ahead.slope, 2) if found.entries_ahead else None,
        "forecast": {"in_days": AHEAD, "missing_days": found.missing_days}
        | (_interval(ahead.after(AHEAD)) if ahead else NOTHING),
        "quota": {"entries": found.quota.entries, "bytes": found.quota.bytes},
        "disk_used": round(found.volume.share, 4) if found.volume else None,
        "runs_out": what or None,
        "exhausted_on": _text(end.expected),
        "exhausted_between": [_text(end.earliest), _text(end.latest)] if what else None,
        "namespaces": [_grower(one) for one in found.namespaces[:20]],
        "agents": [_grower(one) for one in found.agents[:20]],
    }


def _volume(day: date) -> Volume | None:
    days = database_days(day)
    if not days or (limit := volume_bytes(days[-1].bytes)) is None:
        return None
    ahead = _ahead(days, lambda one: one.bytes)
    return Volume(days[-1].bytes / max(limit, 1), _end(ahead, limit))


def _ahead(days: Sequence[Stored], value: Callable[[Stored], float]) -> Forecast | None:
    return forecast([Measured(one.day, value(one)) for one in days])


def _total(one: Stored) -> int:
    return one.bytes + one.revision_bytes


def _end(ahead: Forecast | None, limit: int | None) -> Exhaustion:
    return ahead.reaches(limit) if ahead and limit else NO_END


def _sooner(end: Exhaustion) -> tuple[date, date]:
    return end.expected or date.max, end.earliest or date.max


def _interval(one: Interval) -> dict[str, Any]:
    return {
        "on": one.day.isoformat(),
        "low": round(one.low),
        "expected": round(one.expected),
        "high": round(one.high),
    }


def _grower(one: Grower) -> dict[str, Any]:
    return {
        "id": str(one.subject),
        "name": one.label,
        "bytes": one.bytes,
        "more": one.more,
        "days": one.days,
    }


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
