"""Runs followed live, as Server-Sent Events. The data plane's process serves them: an answer that
lasts holds a task there, and would hold one of the console's few threads.

Whoever follows is asked again for the right to: at once when a rule or a membership of the tenant
changes, and at times besides, because a session can end by itself. Without it the stream ends.
"""

from __future__ import annotations

from contextlib import ExitStack

from stateward.kernel.errors import StatewardError
from stateward.operations.jobs.feed import JobFeed
from stateward.operations.jobs.follower import Follower, route
from stateward.state.callers import Callers
from stateward.state.judging import record_denial
from stateward.state.travel import Travel
from stateward.web.asgi import Answer, Receive, Request, Scope, Send, problem_answer, send_answer
from stateward.web.sse import Places, serve_events

MOST = 1_000  # streams of one process
MOST_EACH = 32  # of one caller


def is_stream(path: bytes) -> bool:
    """Whether a raw path is that of a stream."""
    return b"/jobs/" in path and route(path) is not None


class JobStreams:
    """The routes ``…/jobs/events`` and ``…/jobs/{run}/events``, of the API and of the console."""

    def __init__(self, travel: Travel, callers: Callers) -> None:
        self._travel = travel
        self._callers = callers
        self._feed = JobFeed(travel)
        self._places = Places()

    @property
    def count(self) -> int:
        return self._places.count

    async def close(self) -> None:
        await self._feed.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        follower = Follower(request, self._travel, self._callers, self._feed)
        with ExitStack() as held:
            try:
                request.describe()
                await follower.enter()
                place = self._places.taken_by(follower.actor.id, most=MOST, most_each=MOST_EACH)
                held.enter_context(place)
            except Exception as error:
                answer = await self._refused(follower, error)
                is_head = request.method == "HEAD"
                await send_answer(send, answer, request.request_id, is_head=is_head)
                return
            await serve_events(follower.messages(), receive, send, request_id=request.request_id)

    async def _refused(self, follower: Follower, error: Exception) -> Answer:
        request = follower.request
        try:
            if follower.has_actor and hasattr(error, "denial"):
                actor = follower.actor
                await self._travel.drive(actor.tenant_id, record_denial(actor, request.call, error))
        except StatewardError as failure:  # a denial that cannot be recorded is not answered as one
            error = failure
        return problem_answer(error, request.request_id)
