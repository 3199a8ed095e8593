"""The timetable as a tenant sees it: what runs when, how the last time went, how late it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from dashboards.jobs.words import RunView, view_of
from stateward.kernel.flow import Flow
from stateward.operations.jobs.queries import JobRun, latest_runs
from stateward.operations.jobs.registry import jobs
from stateward.operations.jobs.timetable import Slot
from stateward.schedule import TIMETABLE

LATE = timedelta(seconds=30)  # a beat looks each second; what it missed it takes when it is back


@dataclass(frozen=True, slots=True)
class Row:
    """One slot. ``last`` is the tenant's own run where the job is about one tenant."""

    name: str
    title: str
    rhythm: str
    is_own: bool
    last: RunView | None
    next_at: datetime
    late: timedelta | None


def timetable(tenant_id: UUID, now: datetime) -> Flow[list[Row]]:
    """Every slot, those of the tenant first."""
    names = [slot.name for slot in TIMETABLE]
    latest = yield from latest_runs(names, tenant_id)
    rows = [_row(slot, latest, now) for slot in TIMETABLE]
    return sorted(rows, key=lambda row: (not row.is_own, row.title))


def _row(slot: Slot, latest: Mapping[tuple[str, bool], JobRun], now: datetime) -> Row:
    known = jobs().get(slot.name)
    is_own = known is not None and known.is_per_tenant
    last = latest.get((slot.name, is_own))
    return Row(
        name=slot.name,
        title=known.title if known else slot.name,
        rhythm=_rhythm(slot),
        is_own=is_own,
        last=view_of(last, {}) if last else None,
        next_at=slot.following(now),
        late=_late(slot, latest.get((slot.name, False)), now),
    )


def _late(slot: Slot, last: JobRun | None, now: datetime) -> timedelta | None:
    """For how long the slot that has come waits to be taken; None where it is not late."""
    came = slot.latest(now)
    if last is not None and (not last.is_over or (last.slot or last.queued_at) >= came):
        return None
    return now - came if now - came > LATE else None


def _rhythm(slot: Slot) -> str:
    seconds = int(slot.every.total_seconds())
    for length, word in ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % length == 0:
            count = seconds // length
            when = _clock(slot) if length >= 86_400 else ""
            return (f"each {word}" if count == 1 else f"every {count} {word}s") + when
    return f"every {seconds} s"


def _clock(slot: Slot) -> str:
    minutes = int(slot.after.total_seconds()) // 60 % 1440
    return f", {minutes // 60:02}:{minutes % 60:02} UTC"
