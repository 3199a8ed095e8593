"""Sinks as pages and the API read them. In the tenant's scope; whoever calls has decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from governance.sinks.delivering import database_now
from governance.sinks.models import Sink
from stateward.gate.audit.stream import unread
from stateward.kernel.errors import NotFound
from stateward.tenancy.scope import run_flow

LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """A sink, and how far behind the sealed log it is."""

    sink: Sink
    behind: int  # sealed records it has yet to take
    oldest: datetime | None  # when the first of them was sealed
    now: datetime

    @property
    def lag(self) -> timedelta:
        return self.now - self.oldest if self.oldest else timedelta(0)

    @property
    def is_late(self) -> bool:
        return self.sink.state == Sink.State.ACTIVE and self.lag > LATE

    @property
    def condition(self) -> str:
        """``paused``, ``disabled``, ``failing``, ``late``, ``delivering`` or ``caught_up``."""
        if self.sink.state != Sink.State.ACTIVE:
            return str(self.sink.state)
        if self.sink.is_failing:
            return "failing"
        if self.is_late:
            return "late"
        return "delivering" if self.behind else "caught_up"


def sinks_of(tenant_id: UUID) -> QuerySet[Sink, Sink]:
    return Sink.objects.filter(tenant_id=tenant_id)


def find_sink(tenant_id: UUID, sink_id: UUID) -> Sink:
    sink = sinks_of(tenant_id).filter(id=sink_id).first()
    if sink is None:
        raise NotFound
    return sink


def standing_of(sink: Sink) -> Standing:
    found = run_flow(unread(sink.tenant_id, [sink.cursor]))
    return Standing(sink, *found[sink.cursor], database_now())


def standings(tenant_id: UUID) -> list[Standing]:
    """All of them, by name."""
    sinks = list(sinks_of(tenant_id).order_by("name"))
    found = run_flow(unread(tenant_id, [sink.cursor for sink in sinks]))
    now = database_now()
    return [Standing(sink, *found[sink.cursor], now) for sink in sinks]
