"""What changes about the runs that somebody follows: one look at the database a second, for all who
follow from this process, and none while nobody does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.state.travel import Travel

log = logging.getLogger("stateward.jobs")

LOOK_SECONDS = 1.0
LOOK = """
SELECT run_id, tenant_id, state, token, done, total, stage, beat_at, is_cancelled, lines
FROM stateward_job_open WHERE tenant_id = ANY (%s) OR run_id = ANY (%s)
"""

Marks = Mapping[UUID, tuple[Any, ...]]  # of each open run, what differs when it has gone on


class JobFeed:
    """Who follows asks ``marks`` again and again: each answer is newer than the one before."""

    def __init__(self, travel: Travel) -> None:
        self._travel = travel
        self._tenants: Counter[UUID] = Counter()
        self._runs: Counter[UUID] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._looked = asyncio.Condition()
        self.number = 0  # of the last look
        self._marks: Marks = {}
        self._details: dict[Hashable, asyncio.Task[Any]] = {}

    @contextmanager
    def following(self, tenant_id: UUID, run_id: UUID | None) -> Iterator[None]:
        """While somebody follows one run, or all of a tenant's."""
        counter, key = (self._runs, run_id) if run_id else (self._tenants, tenant_id)
        counter[key] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_forever())
        try:
            yield
        finally:
            counter[key] -= 1
            if not counter[key]:
                del counter[key]

    async def marks(self, after: int) -> tuple[int, Marks]:
        """The first look after look number ``after``."""
        async with self._looked:
            await self._looked.wait_for(lambda: self.number > after)
            return self.number, self._marks

    async def detail(self, tenant_id: UUID, key: Hashable, flow: Callable[[], Flow[Any]]) -> Any:
        """What ``flow`` answers, asked once per look for all who want the same."""
        task = self._details.get(key)
        if task is None:
            task = asyncio.ensure_future(self._travel.drive(tenant_id, flow()))
            self._details[key] = task
        return await asyncio.shield(task)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look_forever(self) -> None:
        while self._tenants or self._runs:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            asked = ([*self._tenants], [*self._runs])
            rows = await self._travel.plain(None, Statement(LOOK, asked))
        except StatewardError:
            return  # the database is away; who follows is told once it is back
        async with self._looked:
            self.number += 1
            self._marks = {row[0]: row[1:] for row in rows}
            self._details.clear()
            self._looked.notify_all()
