"""uvicorn's HTTP/1.1 with one more message: a whole answer at once.

By the standard's two messages an answer's head and body are two writes to the socket, and each
header is checked by two patterns although it is ours. For a short answer that is a tenth of all it
costs. ``uvicorn --http stateward.web.http:Protocol``; under any other server the standard's
messages are sent (``send_answer``).

Answers that are ready at the same moment, as those of writers who travelled together are, leave
one right after the other: each that leaves alone wakes its reader from sleep, which costs more than
sending it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from stateward.web.asgi import WHOLE


class Outbox:
    """Answers on their way, until the event loop has run all that was ready with them."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Transport, bytes, bool]] = []

    def put(self, transport: asyncio.Transport, data: bytes, *, is_last: bool) -> None:
        """Send ``data``; ``is_last``: and close the connection."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._empty)
        self._waiting.append((transport, data, is_last))

    def _empty(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport, data, is_last in waiting:
            if not transport.is_closing():
                transport.write(data)
            if is_last:
                transport.close()


OUTBOX = Outbox()


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    async def send(self, message: Any) -> None:
        """``{"type": WHOLE, "status", "headers", "body"}`` besides what ASGI knows.

        Names are in lower case; ``headers`` says the length, if the status has one.
        """
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        parts = [STATUS_LINE[message["status"]]]
        for name, value in (*self.default_headers, *message["headers"]):
            if b"\n" in value or b"\r" in value:
                raise RuntimeError("a header's value has a line end")
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", message["body"])
        OUTBOX.put(self.transport, b"".join(parts), is_last=not self.keep_alive)
        self.response_complete = True
        self.message_event.set()
        self.on_response()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["extensions"] = {WHOLE: {}}


# The protocol makes its cycles by this name, and has no other place to say which.
httptools_impl.RequestResponseCycle = Cycle  # type: ignore[misc]
