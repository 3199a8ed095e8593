"""The data plane's driver: writers travel together, and so do readers.

Requests of one tenant that arrive while a statement is under way share the next one: one statement,
one commit, each
caller with its own version or refusal, after the commit. No timer: a lone request leaves at once.
Two writes of one key
never share a group, nor do two under one idempotency key, and a key in flight is not taken again.

A group never waits for a member. Rows that someone else holds are skipped by the statement, and
those members go alone,
where they may wait as long as a lock timeout. If the statement of a group fails, every member runs
again alone before
anyone is told of an error; only a lost connection is told at once, because then nobody knows what
was committed. A caller
that goes away cancels nothing: what it asked for is decided like the rest.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from random import random
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from stateward.gate.audit.exceptions import AuditUnavailable, concerns_audit
from stateward.gate.sequence.positions import BEAT, POSITION_NOW, TOKEN_NOW, Position
from stateward.kernel.errors import StorageFull, Unavailable
from stateward.kernel.flow import Executable, Flow, Row, Rows, Statement, T, arun
from stateward.state.connections import Line, configure
from stateward.state.connections import fetch as _rows
from stateward.state.freshness import Reading
from stateward.state.hot import HotEntries
from stateward.state.standby import Behind, Standby
from stateward.state.statements import (
    READ,
    RECORD,
    SOLO_ATTEMPTS,
    WRITE,
    Read,
    Record,
    Write,
    WriteAll,
    Written,
    compose_call,
    compose_read,
    compose_records,
)
from stateward.state.turns import Turns

log = logging.getLogger("stateward.state")

MAX_MEMBERS = 128
MAX_BYTES = 2 * 1024 * 1024
WRITERS = 2  # statements under way at once; while one commits the next group gathers
READERS = 2
RECORDERS = 1
POOL_SIZE = 12
TRANSACTIONS = 8  # at once
RETRIED = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)

OPTIONS = (
    "-c application_name=stateward-dataplane -c lock_timeout=5s -c statement_timeout=15s"
    " -c idle_in_transaction_session_timeout=30s"
    # The statements are few and their plans do not depend on values; planning anew costs more than
    # a write.
    " -c plan_cache_mode=force_generic_plan"
    # A plan made while a table was empty must still serve when it is full: nothing here reads
    # a whole table, so none of it may be planned as if that were cheap.
    " -c enable_seqscan=off -c jit=off"
)
WAIT_FOR_DATABASE_SECONDS = 0.2


class LockTimeout(Unavailable):
    """Another session holds this key's row; nothing was written."""

    code = "lock_timeout"


J = TypeVar("J", Write, Read, Record)


class Waiting(Generic[J]):
    """One caller: what it asked for, and where its row will arrive."""

    __slots__ = ("arrival", "claims", "job", "place", "timeline", "weight")

    def __init__(self, job: J, place: Hashable, claims: tuple[Hashable, ...], weight: int) -> None:
        self.job: J = job
        self.place = place  # only those of one place can share a statement
        self.claims = claims  # what no two members, here or in flight, may both have
        self.weight = weight
        self.arrival: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self.timeline: str | None = None  # of the primary that carried it out

    def arrive(self, row: Row | None) -> None:
        if not self.arrival.done():
            self.arrival.set_result(row)

    def fail(self, error: BaseException) -> None:
        if not self.arrival.done():
            self.arrival.set_exception(error)


class Platform(Generic[J]):
    """Where callers gather until a statement is free to take them."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting[J]] = deque()
        self._claimed: set[Hashable] = set()
        self._called = asyncio.Event()

    def join(self, waiting: Waiting[J]) -> None:
        self._waiting.append(waiting)
        self._called.set()

    async def board(self) -> list[Waiting[J]]:
        """The next group, in order of arrival: the first caller whose claims are free, and those
        who can go with it.
        """
        while True:
            await self._called.wait()
            group = self._choose()
            if group:
                return group
            self._called.clear()

    def leave(self, group: Sequence[Waiting[J]]) -> None:
        """The group's statement is over: what it claimed is free."""
        for member in group:
            self._claimed.difference_update(member.claims)
        if self._waiting:
            self._called.set()

    def _choose(self) -> list[Waiting[J]]:
        group: list[Waiting[J]] = []
        rest: deque[Waiting[J]] = deque()
        passed: set[Hashable] = (
            set()
        )  # claims of those left behind: nobody overtakes on the same key
        weight = 0
        while self._waiting and len(group) < MAX_MEMBERS:
            candidate = self._waiting.popleft()
            fits = not group or (
                candidate.place == group[0].place and weight + candidate.weight <= MAX_BYTES
            )
            is_free = passed.isdisjoint(candidate.claims) and self._claimed.isdisjoint(
                candidate.claims
            )
            if fits and is_free:
                group.append(candidate)
                weight += candidate.weight
                self._claimed.update(candidate.claims)
            else:
                passed.update(candidate.claims)
                rest.append(candidate)
        rest.extend(self._waiting)
        self._waiting = rest
        return group


class Travel:
    """The process's connections: flushers that carry groups, and a pool for what goes alone."""

    def __init__(
        self,
        conninfo: str,
        *,
        standby: str = "",
        standby_max_lag: float = 30.0,
        cache_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._conninfo = conninfo
        self.hot = HotEntries(cache_bytes)
        self.standby = (
            Standby(standby, options=OPTIONS, max_lag=standby_max_lag) if standby else None
        )
        self.read_at = {"primary": 0, "standby": 0, "memory": 0}  # reads that might have been old
        self._turns = Turns()
        self.committed: Callable[[], None] = lambda: None  # called after each commit of writes
        self._writes: Platform[Write] = Platform()
        self._reads: Platform[Read] = Platform()
        self._records: Platform[Record] = Platform()
        # Some of the pool always is for what else goes by itself.
        self._transactions = asyncio.Semaphore(TRANSACTIONS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=2,
            max_size=POOL_SIZE,
            open=False,
            connection_class=Line,
            kwargs={"autocommit": True, "options": OPTIONS, "prepare_threshold": 0},
            configure=configure,
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=3600,
            timeout=4,
        )

    async def open(self) -> None:
        await self._pool.open(wait=False)
        for _ in range(WRITERS):
            self._start(self._carry(self._writes, self._write_together, self._write_alone))
        for _ in range(READERS):
            self._start(
                self._carry(self._reads, _read_together, self._read_alone, is_repeatable=True)
            )
        for _ in range(RECORDERS):
            self._start(self._carry(self._records, _record_together, self._record_alone))
        if self.standby is not None:
            await self.standby.open()
            self._start(self.standby.watch(lambda: self.plain(None, Statement(BEAT))))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()
        if self.standby is not None:
            await self.standby.close()

    def pool_stats(self) -> dict[str, int]:
        """How far the pool is used, by psycopg's names."""
        return self._pool.get_stats()

    async def drive(
        self, tenant_id: UUID | None, flow: Flow[T], reading: Reading | None = None
    ) -> T:
        """Run a flow of the data plane for a tenant, or for nobody yet known. ``reading``: how
        fresh its reads must be, where that is not the newest; what it came to see is noted there.
        """

        async def execute(statement: Executable) -> Rows:
            if isinstance(statement, Write):
                return [await self._carry_out(statement, reading)]
            if isinstance(statement, WriteAll):
                return await self._carry_all(statement, reading)
            if tenant_id is not None and reading is not None and reading.level != "strong":
                rows = await self._elsewhere(tenant_id, statement, reading)
                if rows is not None:
                    return rows
            if isinstance(statement, Read):
                row = await self._read_here(statement, reading)
                return [row] if row is not None else []
            if isinstance(statement, Record):
                place = (statement.tenant_id, statement.epochs)
                queued = self._queue(self._records, statement, place, (), 2048)
                return [_found(await queued.arrival)]
            return await self.plain(tenant_id, statement)

        async with self._turns.taken_by(execute) as execute_in_turn:
            return await arun(flow, execute_in_turn)

    async def plain(self, tenant_id: UUID | None, statement: Executable) -> Rows:
        """One statement by itself, in a transaction that shows ``tenant_id``'s rows."""
        try:
            async with self._pool.connection() as connection:
                if tenant_id is None:
                    return await _rows(connection, statement.sql, statement.parameters)
                async with connection.transaction():
                    await connection.execute(
                        "SELECT set_config('stateward.tenant', %s, true)", (str(tenant_id),)
                    )
                    return await _rows(connection, statement.sql, statement.parameters)
        except (psycopg.Error, PoolTimeout) as error:
            raise translated(error) from error

    async def token(self) -> str:
        """A consistency token that stands for all that is committed."""
        return str((await self.plain(None, Statement(TOKEN_NOW)))[0][0])

    async def position(self) -> str:
        """A consistency token that stands for all that a read could see, until now."""
        return str((await self.plain(None, Statement(POSITION_NOW)))[0][0])

    async def _carry_out(self, write: Write, reading: Reading | None) -> Row:
        began = time.monotonic()
        waiting = self._queue_write(write)
        written = Written(*_found(await waiting.arrival))
        if written.verdict == "done":
            self.hot.wrote(write.tenant_id, write.item, written, looked_at=began)
            if reading is not None and waiting.timeline is not None and written.xact is not None:
                reading.written = str(Position("w", waiting.timeline, written.xact))
        return written

    async def _carry_all(self, transaction: WriteAll, reading: Reading | None) -> Rows:
        """A transaction goes by itself, over a connection of the pool. All its rows are locked in
        one order, so a deadlock is rare and somebody else's; it and a key created meanwhile leave
        nothing behind, and all is tried again.
        """
        began = time.monotonic()
        try:
            rows, timeline = await self._write_all(transaction)
        except (psycopg.Error, PoolTimeout) as error:
            raise translated(error) from error
        for row in rows:
            written = Written(*row)
            if written.verdict != "done" or written.xact is None or written.i is None:
                continue
            item = transaction.items[written.i]
            self.hot.wrote(transaction.tenant_id, item, written, looked_at=began)
            if reading is not None and timeline is not None:
                reading.written = str(Position("w", timeline, written.xact))
        return rows

    async def _write_all(self, transaction: WriteAll) -> tuple[Rows, str | None]:
        parameters = transaction.parameters
        for attempt in range(SOLO_ATTEMPTS):
            try:
                async with self._transactions, self._pool.connection() as connection:
                    rows = await _rows(connection, WRITE, parameters)
                    self.committed()
                    return rows, connection.timeline
            except RETRIED:
                spread = random()  # noqa: S311  # only so that two do not meet again
                await asyncio.sleep(spread * 0.005 * 2 ** min(attempt, 5))
        raise Unavailable("These keys are changed by too many at once; nothing was written.")

    async def _elsewhere(
        self, tenant_id: UUID, statement: Executable, reading: Reading
    ) -> Rows | None:
        """The rows from this process's memory or from a standby; None where the primary must be
        asked, from here on to the end of the flow.
        """
        if not getattr(statement, "anywhere", False):
            return None
        if reading.level == "eventual" and isinstance(statement, Read):
            kept = self.hot.find(statement, fresh=True)
            if kept is not None:
                self.read_at["memory"] += 1
                reading.is_remembered = True
                return [kept]
        standby = self.standby
        if standby is not None and standby.serves and not reading.at_primary:
            try:
                rows = await standby.rows(tenant_id, statement, reading)
            except (Behind, psycopg.Error, PoolTimeout, TimeoutError):
                pass
            else:
                self.read_at["standby"] += 1
                return rows
        reading.at_primary = True
        self.read_at["primary"] += 1
        return None

    async def _read_here(self, read: Read, reading: Reading | None) -> Row | None:
        """One row of the primary's, or, where it is only the base of a change, what is kept."""
        if read.as_base and (kept := self.hot.find(read, fresh=False)) is not None:
            if reading is not None:
                reading.is_remembered = True
            return kept
        began = time.monotonic()
        row = await self._queue(self._reads, read, read.tenant_id, (), 0).arrival
        if read.anywhere or read.as_base:
            self.hot.met(read, row, looked_at=began)
        return row

    def _queue_write(self, write: Write) -> Waiting[Write]:
        item = write.item
        claims: tuple[Hashable, ...] = (item.claim,)
        if item.idempotency is not None:
            claims += ((write.tenant_id, *item.idempotency),)
        place = (write.tenant_id, write.epochs)
        return self._queue(self._writes, write, place, claims, item.weight)

    def _queue(
        self,
        platform: Platform[J],
        job: J,
        place: Hashable,
        claims: tuple[Hashable, ...],
        weight: int,
    ) -> Waiting[J]:
        waiting = Waiting(job, place, claims, weight)
        platform.join(waiting)
        return waiting

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self,
        platform: Platform[J],
        together: Callable[
            [psycopg.AsyncConnection[Row], list[Waiting[J]]], Coroutine[Any, Any, list[Waiting[J]]]
        ],
        alone: Callable[[Waiting[J]], Coroutine[Any, Any, None]],
        *,
        is_repeatable: bool = False,
    ) -> None:
        """Take group after group, for as long as the process runs, over one connection that is
        renewed when it breaks. ``is_repeatable``: what is carried changes nothing, and is asked
        again if the connection turns out to have broken since it was last used.
        """
        connection: psycopg.AsyncConnection[Row] | None = None
        try:
            while True:
                group = await platform.board()
                rest: list[Waiting[J]] = []
                try:
                    before, connection = connection, None
                    connection = await self._alive(before)
                    rest = await together(connection, group)
                except psycopg.Error as error:
                    if connection is None or (connection.closed and not is_repeatable):
                        await self._lost(group, error)
                    else:
                        rest = group  # someone's fault, but whose? each finds out alone
                except Exception as error:
                    log.exception("travel.failed")
                    for member in group:
                        member.fail(error)
                finally:
                    platform.leave(
                        [member for member in group if member not in rest] if rest else group
                    )
                for member in rest:
                    self._start(self._send_alone(platform, member, alone))
        finally:
            if connection is not None:
                with suppress(psycopg.Error):
                    await connection.close()

    async def _alive(
        self, connection: psycopg.AsyncConnection[Row] | None
    ) -> psycopg.AsyncConnection[Row]:
        """``connection``, or where it has ended a new one."""
        if connection is None or connection.closed:
            return await self._connect()
        return connection

    async def _lost(self, group: list[Waiting[J]], error: psycopg.Error) -> None:
        """The connection broke: what was under way may or may not be committed, so nobody is told
        that it was not.
        """
        for member in group:
            member.fail(translated(error))
        await asyncio.sleep(WAIT_FOR_DATABASE_SECONDS)

    async def _connect(self) -> psycopg.AsyncConnection[Row]:
        connection = await Line.connect(
            self._conninfo, autocommit=True, options=OPTIONS, prepare_threshold=0, connect_timeout=3
        )
        await configure(connection)
        return connection

    async def _send_alone(
        self,
        platform: Platform[J],
        member: Waiting[J],
        alone: Callable[[Waiting[J]], Coroutine[Any, Any, None]],
    ) -> None:
        try:
            await alone(member)
        except (psycopg.Error, PoolTimeout) as error:
            member.fail(translated(error))
        except Exception as error:
            log.exception("travel.failed")
            member.fail(error)
        finally:
            platform.leave([member])

    async def _write_together(
        self, connection: psycopg.AsyncConnection[Row], group: list[Waiting[Write]]
    ) -> list[Waiting[Write]]:
        parameters = compose_call([member.job for member in group], mode="group")
        rows = await _rows(connection, WRITE, parameters)
        for member in group:
            member.timeline = getattr(connection, "timeline", None)
        if rows[0][1] == "stale":
            for member in group:
                member.arrive(rows[0])
            return []
        self.committed()
        busy = []
        for row in rows:
            if row[1] == "busy":
                busy.append(group[row[0]])
            else:
                group[row[0]].arrive(row)
        return busy

    async def _write_alone(self, member: Waiting[Write]) -> None:
        for attempt in range(SOLO_ATTEMPTS):
            try:
                async with self._pool.connection() as connection:
                    rows = await _rows(connection, WRITE, compose_call([member.job], mode="alone"))
                    member.timeline = connection.timeline
            except RETRIED:
                await asyncio.sleep(0.005 * 2 ** min(attempt, 5))
                continue
            if rows[0][1] != "busy":
                self.committed()
                return member.arrive(rows[0])
        raise Unavailable("This key is changed by too many at once; nothing was written.")

    async def _read_alone(self, member: Waiting[Read]) -> None:
        async with self._pool.connection() as connection:
            rows = await _rows(connection, READ, compose_read([member.job]))
            member.arrive(rows[0] if rows else None)

    async def _record_alone(self, member: Waiting[Record]) -> None:
        async with self._pool.connection() as connection:
            rows = await _rows(connection, RECORD, compose_records([member.job]))
            member.arrive(rows[0])


async def _read_together(
    connection: psycopg.AsyncConnection[Row], group: list[Waiting[Read]]
) -> list[Waiting[Read]]:
    rows = await _rows(connection, READ, compose_read([member.job for member in group]))
    for row in rows:
        group[row[0]].arrive(row)
    for member in group:
        member.arrive(None)  # those that have not arrived: there is no such entry
    return []


async def _record_together(
    connection: psycopg.AsyncConnection[Row], group: list[Waiting[Record]]
) -> list[Waiting[Record]]:
    for row in await _rows(connection, RECORD, compose_records([member.job for member in group])):
        group[row[0]].arrive(row)
    return []


def _found(row: Row | None) -> Row:
    if row is None:
        raise AssertionError("this statement always answers a row")
    return row


def translated(error: BaseException) -> Unavailable | StorageFull:
    """What a caller is told when the database did not do it. Never its own words: they may hold
    values.
    """
    log.warning(
        "database.refused",
        extra={"kind": type(error).__name__, "sqlstate": getattr(error, "sqlstate", None)},
    )
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LockTimeout()
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageFull()
    if concerns_audit(error):
        return AuditUnavailable()
    return Unavailable("The database is not available just now; try again shortly.")
