"""The data plane's process as a whole: its routes, what it holds open, and what it writes down in
the background.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from django.conf import settings

from stateward.operations.housekeeping import flush_everything
from stateward.operations.jobs.stream import JobStreams, is_stream
from stateward.operations.readiness import liveness, metrics, readiness
from stateward.state.callers import Callers
from stateward.state.dataplane.changes import ChangeFeed, is_changes
from stateward.state.dataplane.plane import DataPlane, is_ours
from stateward.state.travel import Travel
from stateward.tenancy.usage import Uses
from stateward.web.asgi import (
    WHOLE,
    Answer,
    Receive,
    Request,
    Scope,
    Send,
    problem_answer,
    send_answer,
)
from stateward.web.forward import Forward

log = logging.getLogger("stateward.plane")

FLUSH_SECONDS = 2.0

Probe = Callable[[Travel, Request], Awaitable[Answer]]


class Plane:
    """An ASGI application."""

    def __init__(self) -> None:
        self.travel = Travel(
            settings.DATA_PLANE_DATABASE_URL,
            standby=settings.DATA_PLANE_STANDBY_URL,
            standby_max_lag=settings.STANDBY_MAX_LAG_SECONDS,
            cache_bytes=settings.DATA_PLANE_CACHE_BYTES,
        )
        self.uses = Uses()
        self.callers = Callers(self.travel, self.uses)
        self.entries = DataPlane(self.travel, self.callers)
        self.streams = JobStreams(self.travel, self.callers)
        self.changes = ChangeFeed(self.travel, self.callers)
        self.travel.committed = self.changes.ring
        self.console = Forward(settings.CONSOLE_SOCKET)
        self.probes: dict[str, Probe] = {
            "/healthz": liveness,
            "/readyz": readiness,
            "/metrics": self._metrics,
        }
        self._flushing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: bytes = scope["raw_path"]
            if is_ours(path):
                request = Request(scope, receive)
                answer = await self.entries.answer(request)
                await send_answer(
                    send,
                    answer,
                    request.request_id,
                    is_head=request.method == "HEAD",
                    is_whole=WHOLE in scope.get("extensions", ()),
                )
            elif is_stream(path):
                await self.streams(scope, receive, send)
            elif is_changes(path):
                await self.changes(scope, receive, send)
            elif scope["path"] in self.probes:
                await self._probe(Request(scope, receive), send)
            else:
                await self.console(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _probe(self, request: Request, send: Send) -> None:
        try:
            answer = await self.probes[request.scope["path"]](self.travel, request)
        except Exception as error:
            answer = problem_answer(error, request.request_id)
        await send_answer(send, answer, request.request_id, is_head=request.method == "HEAD")

    async def _metrics(self, travel: Travel, request: Request) -> Answer:
        request.describe()
        return await metrics(travel, await self.callers.actor_of(request))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.travel.open()
        await self.console.open()
        self._flushing = asyncio.create_task(self._flush_forever())
        _spare_the_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._flushing.cancel()
        with suppress(asyncio.CancelledError):
            await self._flushing
        await self._flush(is_last=True)
        await self.streams.close()
        await self.changes.close()
        await self.callers.close()
        await self.console.close()
        await self.travel.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._flush()

    async def _flush(self, *, is_last: bool = False) -> None:
        """Write down what the process counted; what cannot be written now is kept and written
        later.
        """
        try:
            await flush_everything(self.travel, self.uses, is_last=is_last)
        except Exception:
            log.exception("plane.flush_failed")


def _spare_the_collector() -> None:
    """What was imported stays for good: it need not be looked through again and again, which stops
    every caller for some 60 ms each time, and took a tenth of a write.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
