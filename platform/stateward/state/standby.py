"""Reads of a streaming standby. Losing it loses nothing: the primary serves whoever it cannot.

Each second the process lets the primary's heart beat and looks how old the newest beat is that the
standby has. One that does not answer, is no standby any more, or is further behind than it may be
is not asked until a look finds it well again. Every question has a time limit of our own, because a
frozen server keeps none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from stateward.gate.sequence.positions import HAS_REACHED, POSITION_REPLAYED, STANDING, reached
from stateward.kernel.flow import Executable, Row, Rows
from stateward.state.connections import configure, fetch
from stateward.state.freshness import Reading

log = logging.getLogger("stateward.state")

POOL_SIZE = 8
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 1.0  # of one question; then the primary is asked
LOST_SECONDS = 3.0  # without a look that found it well
# A token is a few milliseconds ahead of a standby that keeps up; no other one is waited for.
WAITS = (0.0, 0.005, 0.015, 0.03)
KEEPS_UP_SECONDS = 2.5  # the age of its newest beat, which comes once a second

T = TypeVar("T")


class Behind(Exception):
    """The standby has not come as far as the reader has, or cannot say so."""


@dataclass(slots=True)
class Standing:
    """What the last look found. ``lag`` is the age of its newest heartbeat in seconds, None where
    it did not answer.
    """

    lag: float | None = None
    is_standby: bool = False
    looked_at: float = float("-inf")


class Standby:
    """A pool of connections to a standby, and what is known of it."""

    def __init__(self, conninfo: str, *, options: str, max_lag: float) -> None:
        self.max_lag = max_lag
        self.standing = Standing()
        self._left: set[asyncio.Task[Any]] = set()
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=POOL_SIZE,
            open=False,
            kwargs={
                "autocommit": True,
                "options": f"{options} -c default_transaction_read_only=on",
                "prepare_threshold": 0,
                "connect_timeout": 3,
                "application_name": "stateward-reader",
            },
            configure=configure,
            reconnect_timeout=3600,
            timeout=ANSWER_SECONDS / 2,
        )

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        for task in self._left:
            task.cancel()
        await self._pool.close(timeout=1)

    @property
    def serves(self) -> bool:
        """Whether it may be asked: well at the last look, which is recent, and near enough."""
        standing = self.standing
        is_recent = asyncio.get_running_loop().time() - standing.looked_at < LOST_SECONDS
        return (
            is_recent
            and standing.is_standby
            and standing.lag is not None
            and standing.lag <= self.max_lag
        )

    async def watch(self, beat: Callable[[], Awaitable[Any]]) -> None:
        """Look each second, for as long as the process runs. ``beat`` reaches the primary."""
        while True:
            with suppress(Exception):  # without the primary the beats end, and the lag shows it
                await self._bounded(beat())
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> Standing:
        """How it stands now."""
        now = asyncio.get_running_loop().time()
        try:
            rows = await self._bounded(self._ask(STANDING))
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            if self.standing.lag is not None:
                log.warning("standby.lost", extra={"kind": type(error).__name__})
            self.standing = Standing(looked_at=now)
        else:
            is_standby, _, age = rows[0]
            self.standing = Standing(max(0.0, age), is_standby, now)
        return self.standing

    async def rows(self, tenant_id: UUID, statement: Executable, reading: Reading) -> Rows:
        """The rows as the standby has them; ``Behind`` where it has not what ``reading`` demands.

        Raises what psycopg raises, and TimeoutError; then it is not asked until the next look.
        """
        try:
            return await self._bounded(self._read(tenant_id, statement, reading))
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            if not isinstance(error, psycopg.errors.SerializationFailure):  # its replay comes first
                self.standing = Standing()
            raise

    async def _read(self, tenant_id: UUID, statement: Executable, reading: Reading) -> Rows:
        async with self._pool.connection() as connection, connection.transaction():
            if reading.level != "session":
                await fetch(
                    connection,
                    "SELECT set_config('stateward.tenant', %s, true)",
                    (str(tenant_id),),
                )
                return await fetch(connection, statement.sql, statement.parameters)
            await self._reach(connection, tenant_id, reading)
            rows = await fetch(connection, statement.sql, statement.parameters)
            reading.saw((await fetch(connection, POSITION_REPLAYED, ()))[0][0])
            return rows

    async def _reach(
        self, connection: psycopg.AsyncConnection[Row], tenant_id: UUID, reading: Reading
    ) -> None:
        asked = reached(str(tenant_id), reading.demanded)
        keeps_up = self.standing.lag is not None and self.standing.lag < KEEPS_UP_SECONDS
        for pause in WAITS if keeps_up else WAITS[:1]:
            if pause:
                await asyncio.sleep(pause)
            rows = await fetch(connection, HAS_REACHED, asked)
            if rows and rows[0][2]:
                return
        raise Behind

    async def _ask(self, sql: str) -> Rows:
        async with self._pool.connection() as connection:
            return await fetch(connection, sql, ())

    async def _bounded(self, work: Awaitable[T]) -> T:
        """The result within the limit, else TimeoutError. What does not end is left to end by
        itself: a frozen server does not take a cancellation either.
        """
        task: asyncio.Task[T] = asyncio.ensure_future(_as_coroutine(work))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if done:
            return task.result()
        self._left.add(task)
        task.add_done_callback(self._forget)
        task.cancel()
        raise TimeoutError

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains


def _as_coroutine(work: Awaitable[T]) -> Coroutine[Any, Any, T]:
    async def wait() -> T:
        return await work

    return wait()
