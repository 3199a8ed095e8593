"""Following a tenant's log: one reader of it in a process, however many are told.

Whoever follows has a short queue of what was read since. One that is full is emptied and marked:
its owner reads from the database what it missed, and comes back. So nobody who is slow costs more
memory than the queue, or keeps others waiting.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar
from uuid import UUID

from stateward.feed.exceptions import CursorExpired
from stateward.feed.log import Look
from stateward.feed.places import Place, parse_cursor
from stateward.gate.sequence.bell import FOLLOWER, SEQUENCER, URGENT, Ears, Hand
from stateward.kernel.errors import StatewardError

log = logging.getLogger("stateward.feed")

LOOK_SECONDS = 0.5  # without a ring
QUEUE_BATCHES = 64
QUEUE_BYTES = 4 * 1024 * 1024
AT_ONCE = 200  # changes read in one go

T = TypeVar("T")
Reading = Callable[[UUID, Place | None, int], Awaitable[Look]]
Newest = Callable[[], Awaitable[Place]]
_numbers = itertools.count(1)


class Batch(Generic[T]):
    """What one look found, made ready once for all who follow."""

    __slots__ = ("content", "end", "weight")

    def __init__(self, content: T, end: Place, weight: int) -> None:
        self.content = content
        self.end = end
        self.weight = weight


class Subscription(Generic[T]):
    """One follower's queue. ``since``: what comes by it begins after this place."""

    def __init__(self, since: Place) -> None:
        self.since = since
        self.has_overflowed = False
        self._queue: deque[Batch[T]] = deque()
        self._weight = 0
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, batch: Batch[T]) -> None:
        """Put a batch into the queue, or empty it where it has become too long."""
        if self.has_overflowed:
            return
        self._queue.append(batch)
        self._weight += batch.weight
        if len(self._queue) > 1 and (
            len(self._queue) > QUEUE_BATCHES or self._weight > QUEUE_BYTES
        ):
            self._queue.clear()
            self._weight = 0
            self.has_overflowed = True
        self.wake()

    def take(self) -> Batch[T] | None:
        if not self._queue:
            return None
        batch = self._queue.popleft()
        self._weight -= batch.weight
        return batch

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Until something comes, somebody calls ``wake``, or the time is over."""
        if self._queue or self.has_overflowed:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None


class Tail(Generic[T]):
    """One tenant's log, read on as it grows."""

    def __init__(
        self, tenant_id: UUID, place: Place, read: Reading, prepare: Callable[[Look], Batch[T]]
    ) -> None:
        self.tenant_id = tenant_id
        self.place = place
        self.subscriptions: set[Subscription[T]] = set()
        self.rung = asyncio.Event()
        self._read = read
        self._prepare = prepare

    async def run(self) -> None:
        while True:
            self.rung.clear()
            if await self._look():
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self.rung.wait(), LOOK_SECONDS)

    async def _look(self) -> bool:
        """Whether there is more at once."""
        try:
            look = await self._read(self.tenant_id, self.place, AT_ONCE)
        except CursorExpired as gone:  # this process slept for as long as changes are kept
            self.place = _oldest(gone)
            for subscription in self.subscriptions:
                subscription.has_overflowed = True
                subscription.wake()
            return True
        except StatewardError:
            return False  # the database is away
        except Exception:
            log.exception("feed.look_failed")
            return False
        self.place = look.end
        if look.rows:
            batch = self._prepare(look)
            for subscription in self.subscriptions:
                subscription.offer(batch)
        return not look.is_newest


class Tails(Generic[T]):
    """The tails of one process, each for as long as somebody follows."""

    def __init__(
        self, folder: Path, read: Reading, newest: Newest, prepare: Callable[[Look], Batch[T]]
    ) -> None:
        self._folder = folder
        self._read = read
        self._newest = newest
        self._prepare = prepare
        self._tails: dict[UUID, Tail[T]] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._ears: Ears | None = None

    async def subscribe(self, tenant_id: UUID) -> Subscription[T]:
        tail = self._tails.get(tenant_id)
        if tail is None:
            place = await self._newest()
            tail = self._tails.get(tenant_id)  # another may have come meanwhile
            if tail is None:
                tail = Tail(tenant_id, place, self._read, self._prepare)
                self._tails[tenant_id] = tail
                self._tasks[tenant_id] = asyncio.create_task(tail.run())
                self._listen()
        subscription: Subscription[T] = Subscription(tail.place)
        tail.subscriptions.add(subscription)
        return subscription

    def renew(self, tenant_id: UUID, subscription: Subscription[T]) -> None:
        """After an overflow: what comes from now on begins at the tail's place."""
        subscription.since = self._tails[tenant_id].place
        subscription.has_overflowed = False

    def place_of(self, tenant_id: UUID) -> Place | None:
        """How far the tenant's log has been read here."""
        tail = self._tails.get(tenant_id)
        return tail.place if tail is not None else None

    def following(self) -> Sequence[tuple[UUID, Tail[T]]]:
        return [*self._tails.items()]

    def unsubscribe(self, tenant_id: UUID, subscription: Subscription[T]) -> None:
        tail = self._tails[tenant_id]
        tail.subscriptions.discard(subscription)
        if not tail.subscriptions:
            del self._tails[tenant_id]
            self._tasks.pop(tenant_id).cancel()
        if not self._tails:
            self._stop_listening()

    async def close(self) -> None:
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tails.clear()
        self._tasks.clear()
        self._stop_listening()

    def _listen(self) -> None:
        if self._ears is not None:
            return
        name = FOLLOWER.format(pid=os.getpid(), number=next(_numbers))
        try:
            self._ears = Ears(self._folder, name)
        except OSError as problem:  # rings are not heard: the log is looked at now and then
            log.warning("feed.no_bell", extra={"reason": str(problem)})
            return
        asyncio.get_running_loop().add_reader(self._ears.socket, self._heard)
        hand = Hand(self._folder, SEQUENCER)
        hand.ring(URGENT)  # so that it is known at once that somebody listens
        hand.close()

    def _stop_listening(self) -> None:
        if self._ears is not None:
            asyncio.get_running_loop().remove_reader(self._ears.socket)
            self._ears.close()
            self._ears = None

    def _heard(self) -> None:
        if self._ears is None:
            return
        for message in self._ears.drain():
            _, _, names = message.partition(b" ")
            for tenant_id, tail in self._tails.items():
                if names == b"*" or str(tenant_id).encode() in names:
                    tail.rung.set()


def _oldest(gone: CursorExpired) -> Place:
    return parse_cursor(str(gone.members["oldest_cursor"]))
