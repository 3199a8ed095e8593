"""One follower's stream: what was before, then what comes, until it may not any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

import orjson

from stateward.feed.places import Place
from stateward.feed.tail import AT_ONCE, Subscription
from stateward.kernel.errors import StatewardError, Unavailable
from stateward.state.changes.reader import Reader
from stateward.state.changes.windows import Window
from stateward.web.problems import problem

log = logging.getLogger("stateward.feed")

HEARTBEAT_SECONDS = 15.0
RETRY_SECONDS = 0.5  # the database is away
RETRY = b"retry: 1000\n\n"  # milliseconds after which a browser comes again


class Follower:
    """``renew``: begin again with the queue after an overflow; ``refused``: write down a denial."""

    def __init__(
        self,
        reader: Reader,
        subscription: Subscription[Window],
        place: Place | None,
        *,
        renew: Callable[[], None],
    ) -> None:
        self.reader = reader
        self.subscription = subscription
        self.place = place
        self.must_check = False
        self.ended: StatewardError | None = None
        self._renew = renew
        self._spoke_at = time.monotonic()

    async def messages(self) -> AsyncIterator[bytes]:
        """What to send, from now to the end."""
        yield RETRY + (self._heartbeat() if self.place is not None else b"")
        while True:
            try:
                async for text in self._told():
                    yield text
            except Unavailable:  # the database is away: nobody is told anything without it
                await asyncio.sleep(RETRY_SECONDS)
            except StatewardError as error:
                self.ended = error
                yield _ending(error, self.reader.request.request_id)
                return
            if time.monotonic() - self._spoke_at >= HEARTBEAT_SECONDS and self.place is not None:
                self._spoke_at = time.monotonic()
                yield self._heartbeat()

    async def _told(self) -> AsyncIterator[bytes]:
        """One step: a check that was asked for, what was missed, or what has come."""
        if self.must_check:
            self.must_check = False
            await self.reader.check()
        if self.subscription.has_overflowed:
            self._renew()
        if self.place is None or self.place.rank < self.subscription.since.rank:
            look = await self.reader.look(self.place, AT_ONCE)
            async for text in self._texts(Window(look.rows)):
                yield text
            self.place = look.end
            return
        batch = self.subscription.take()
        if batch is None:
            left = HEARTBEAT_SECONDS - (time.monotonic() - self._spoke_at)
            await self.subscription.wait(max(left, 0.0))
        elif batch.end.rank > self.place.rank:
            async for text in self._texts(batch.content, self.place):
                yield text
            self.place = batch.end

    async def _texts(self, window: Window, after: Place | None = None) -> AsyncIterator[bytes]:
        async for part in self.reader.shown(window, after):
            yield b"".join(
                [
                    one.change.event(
                        has_more=has_more, values=one.values, opened=opened, masks=one.masks
                    )
                    for one, has_more, opened in part
                ]
            )

    def _heartbeat(self) -> bytes:
        assert self.place is not None  # noqa: S101  # as those who call have seen
        cursor = self.place.cursor.encode()
        return b'event: heartbeat\nid: %s\ndata: {"cursor":"%s"}\n\n' % (cursor, cursor)


def _ending(error: StatewardError, request_id: str) -> bytes:
    """The last event: why it is the last."""
    _, _, body = problem(error, request_id)
    return b"event: end\ndata: %s\n\n" % orjson.dumps(body)
