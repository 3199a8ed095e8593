"""Waiting for a lease, in order of arrival.

The line itself is in the database (``sql/lease.sql``): this is one process's end of it. Whoever
waits renews a ticket and looks whether it is its turn; the first in line often, the others seldom.
A bell in the process makes a look come at once where the lease was given back here. Whoever leaves,
because the time is over or the client has gone, gives the ticket back; of a process that died it
ends by itself after five seconds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID, uuid4

from stateward.state.dataplane.asked import Asked
from stateward.state.exceptions import CallerChanged
from stateward.state.services.entries import Repeat
from stateward.state.services.leases import (
    Granted,
    Turn,
    Waiting,
    acquire_lease,
    lease_turn,
    leave_line,
)

FIRST_LOOKS_SECONDS = 0.1
OTHERS_LOOK_SECONDS = 0.25  # for each who comes before
LONGEST_PAUSE_SECONDS = 1.0  # a ticket is good for five
PLACE = "stateward.place_in_line"  # in the request's scope: it is kept if the caller is read anew

_bells: dict[tuple[UUID, str], set[asyncio.Event]] = {}


def ring(tenant_id: UUID, namespace: str) -> None:
    """A lease of the namespace was given back: whoever waits here looks now."""
    for bell in _bells.get((tenant_id, namespace), ()):
        bell.set()


async def wait_for_lease(
    asked: Asked, key: str, ttl_seconds: float, wait_seconds: float, repeat: Repeat | None
) -> Granted:
    """The lease, within ``wait_seconds`` or not at all: Leased (423)."""
    ticket, deadline = asked.request.scope.setdefault(PLACE, (uuid4(), monotonic() + wait_seconds))
    line = _Line(asked, ticket, deadline, repeat, asyncio.create_task(asked.request.gone()))
    place = (asked.actor.tenant_id, asked.namespace)
    _bells.setdefault(place, set()).add(line.bell)
    try:
        while True:
            flow = acquire_lease(
                asked.actor, asked.call, asked.namespace, key, ttl_seconds,
                ticket=ticket, waits=not line.is_over(), repeat=repeat,
            )  # fmt: skip
            told = await asked.drive(flow)
            if isinstance(told, Granted):
                return told
            await line.stand(told)
    except CallerChanged:
        raise  # it comes again, and keeps its place
    except BaseException:
        with suppress(Exception):
            await asked.drive(leave_line(asked.actor.tenant_id, ticket))
        raise
    finally:
        line.gone.cancel()
        _bells[place].discard(line.bell)
        if not _bells[place]:
            del _bells[place]


@dataclass(slots=True)
class _Line:
    """One who waits."""

    asked: Asked
    ticket: UUID
    deadline: float  # by this process's monotonic clock
    repeat: Repeat | None
    gone: asyncio.Task[None]  # done when the client has gone away
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def is_over(self) -> bool:
        return self.gone.done() or monotonic() >= self.deadline

    async def stand(self, told: Waiting) -> None:
        """Until it is this one's turn, or there is no more waiting."""
        actor = self.asked.actor
        turn = Turn(stands=True, is_turn=False, ahead=told.ahead, seconds=told.seconds)
        while not (turn.is_turn or self.is_over()):
            await self._pause(min(_pause_seconds(turn), self.deadline - monotonic()))
            flow = lease_turn(actor.tenant_id, self.ticket, actor, self.repeat)
            turn = await self.asked.drive(flow)

    async def _pause(self, seconds: float) -> None:
        rung = asyncio.create_task(self.bell.wait())
        await asyncio.wait({rung, self.gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        rung.cancel()
        self.bell.clear()


def _pause_seconds(turn: Turn) -> float:
    """Seconds until another look is worth it."""
    if turn.ahead:
        return min(LONGEST_PAUSE_SECONDS, OTHERS_LOOK_SECONDS * turn.ahead)
    if turn.seconds is not None and turn.seconds < FIRST_LOOKS_SECONDS:
        return max(0.002, turn.seconds)
    return FIRST_LOOKS_SECONDS
