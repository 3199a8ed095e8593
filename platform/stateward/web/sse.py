"""Server-Sent Events: an answer that lasts, and what a process has room for of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from stateward.kernel.errors import StatewardError, TooManyRequests, Unavailable
from stateward.web.asgi import Receive, Send

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
MEDIA_TYPE = "text/event-stream"


class TooManyStreams(TooManyRequests):
    """Too many streams are open; close some, or look again later."""


class Places:
    """How many streams one process serves: in all, and of one caller."""

    def __init__(self) -> None:
        self._taken: Counter[UUID] = Counter()

    @property
    def count(self) -> int:
        return self._taken.total()

    @contextmanager
    def taken_by(self, caller_id: UUID, *, most: int, most_each: int) -> Iterator[None]:
        """A place for as long as the block lasts; TooManyStreams (429) where there is none."""
        if self.count >= most or self._taken[caller_id] >= most_each:
            raise TooManyStreams(headers={"Retry-After": "10"})
        self._taken[caller_id] += 1
        try:
            yield
        finally:
            self._taken[caller_id] -= 1
            if not self._taken[caller_id]:
                del self._taken[caller_id]


async def serve_events(
    messages: AsyncIterator[bytes],
    receive: Receive,
    send: Send,
    *,
    request_id: str,
    longest_send: float | None = None,
) -> None:
    """Send what comes, until it ends or the client has left.

    ``longest_send``: seconds after which a client that takes nothing is left to itself.
    """
    await send({"type": "http.response.start", "status": 200, "headers": [
        *HEADERS, (b"x-request-id", request_id.encode("latin-1")),
    ]})  # fmt: skip
    leaving = asyncio.create_task(_left(receive))
    speaking = asyncio.create_task(_speak(messages, send, longest_send))
    try:
        await asyncio.wait({leaving, speaking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (leaving, speaking):
            task.cancel()
            with suppress(asyncio.CancelledError, StatewardError):
                await task
    await send({"type": "http.response.body", "body": b""})


async def _speak(messages: AsyncIterator[bytes], send: Send, longest_send: float | None) -> None:
    async for text in messages:
        message = {"type": "http.response.body", "body": text, "more_body": True}
        if longest_send is None:
            await send(message)
            continue
        try:
            async with asyncio.timeout(longest_send):
                await send(message)
        except TimeoutError:
            raise Unavailable("The client takes nothing.") from None


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
