"""Runs followed live, as Server-Sent Events. The data plane's process serves them: an answer that
lasts holds a task there, and would hold one of the console's few threads.

Whoever follows is asked again for the right to: at once when a rule or a membership of the tenant
changes, and at times besides, because a session can end by itself. Without it the stream ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from uuid import UUID

from stateward.kernel.errors import StatewardError, TooManyRequests
from stateward.operations.jobs.feed import JobFeed
from stateward.operations.jobs.follower import Follower, route
from stateward.state.callers import Callers
from stateward.state.judging import record_denial
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor
from stateward.web.asgi import Answer, Receive, Request, Scope, Send, problem_answer, send_answer

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
MOST = 1_000  # streams of one process
MOST_EACH = 32  # of one caller


class TooManyStreams(TooManyRequests):
    """Too many streams are open; close some, or look again later."""


def is_stream(path: bytes) -> bool:
    """Whether a raw path is that of a stream."""
    return b"/jobs/" in path and route(path) is not None


class JobStreams:
    """The routes ``…/jobs/events`` and ``…/jobs/{run}/events``, of the API and of the console."""

    def __init__(self, travel: Travel, callers: Callers) -> None:
        self._travel = travel
        self._callers = callers
        self._feed = JobFeed(travel)
        self._open: Counter[UUID] = Counter()

    @property
    def count(self) -> int:
        return self._open.total()

    async def close(self) -> None:
        await self._feed.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        follower = Follower(request, self._travel, self._callers, self._feed)
        try:
            request.describe()
            await follower.enter()
            self._admit(follower.actor)
        except Exception as error:
            answer = await self._refused(follower, error)
            await send_answer(send, answer, request.request_id, is_head=request.method == "HEAD")
            return
        self._open[follower.actor.id] += 1
        try:
            await self._serve(follower, receive, send)
        finally:
            self._open[follower.actor.id] -= 1

    def _admit(self, actor: Actor) -> None:
        if self.count >= MOST or self._open[actor.id] >= MOST_EACH:
            raise TooManyStreams(headers={"Retry-After": "10"})

    async def _refused(self, follower: Follower, error: Exception) -> Answer:
        request = follower.request
        try:
            if follower.has_actor and hasattr(error, "denial"):
                actor = follower.actor
                await self._travel.drive(actor.tenant_id, record_denial(actor, request.call, error))
        except StatewardError as failure:  # a denial that cannot be recorded is not answered as one
            error = failure
        return problem_answer(error, request.request_id)

    async def _serve(self, follower: Follower, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [
            *HEADERS, (b"x-request-id", follower.request.request_id.encode("latin-1")),
        ]})  # fmt: skip
        leaving = asyncio.create_task(_left(receive))
        speaking = asyncio.create_task(_speak(follower, send))
        try:
            await asyncio.wait({leaving, speaking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, speaking):
                task.cancel()
                with suppress(asyncio.CancelledError, StatewardError):
                    await task
        await send({"type": "http.response.body", "body": b""})


async def _speak(follower: Follower, send: Send) -> None:
    async for text in follower.messages():
        await send({"type": "http.response.body", "body": text, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
