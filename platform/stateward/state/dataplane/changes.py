"""Changes over HTTP: a page of them, or a stream that goes on."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import ExitStack, suppress
from uuid import UUID

from django.conf import settings

from stateward.feed.log import Look, newest_place, read_log
from stateward.feed.places import Place
from stateward.feed.tail import Tails
from stateward.gate.sequence.bell import SEQUENCER, Hand
from stateward.kernel.errors import Forbidden, MethodNotAllowed, StatewardError
from stateward.state.callers import Callers
from stateward.state.changes.follower import Follower
from stateward.state.changes.pages import page_of, present_place
from stateward.state.changes.reader import Reader
from stateward.state.changes.windows import Window, batch_of
from stateward.state.configuration import load_configuration
from stateward.state.exceptions import CallerChanged
from stateward.state.judging import record_denial
from stateward.state.rendering import data_answer
from stateward.state.travel import Travel
from stateward.web.asgi import (
    Answer,
    Receive,
    Request,
    Scope,
    Send,
    problem_answer,
    send_answer,
    tell_standing,
)
from stateward.web.metrics import observe
from stateward.web.sse import MEDIA_TYPE, Places, serve_events

PATH = re.compile(rb"/(?:api/v1/changes|t/(?P<tenant>[a-z0-9-]{1,63})/changes/events)")
MOST = 4_000  # streams of one process
MOST_EACH = 1_100  # of one caller
AT_ONCE = 4  # connections that all readers of changes take together
LOOK_SECONDS = 0.4  # between two looks at the rules of whoever follows
LONGEST_SEND = 60.0  # seconds that a client may take nothing


class ChangeFeed:
    """An ASGI application: ``/api/v1/changes``, and the console's stream of the same."""

    def __init__(self, travel: Travel, callers: Callers) -> None:
        self._travel = travel
        self._callers = callers
        self._places = Places()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.hand = Hand(settings.BELL_FOLDER, SEQUENCER)
        self._tails: Tails[Window] = Tails(settings.BELL_FOLDER, self._read, self._newest, batch_of)
        self._followers: dict[UUID, set[Follower]] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many follow."""
        return self._places.count

    def ring(self) -> None:
        """Something was committed: whoever follows is told at once."""
        self.hand.ring()

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self._tails.close()
        self.hand.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        reader = Reader(request, self._travel, self._callers, self._turns)
        started = time.perf_counter()
        with ExitStack() as held:
            try:
                is_stream = await self._enter(reader)
                if not is_stream:
                    answer = await self._page(reader)
                else:
                    place = self._places.taken_by(reader.actor.id, most=MOST, most_each=MOST_EACH)
                    held.enter_context(place)
                    await self._follow(reader, receive, send)
                    return
            except Exception as error:
                answer = await self._refused(reader, error)
            tell_standing(request, answer)
            tenant_id = reader.actor.tenant_id if reader.has_actor else None
            seconds = time.perf_counter() - started
            observe(tenant_id, method=request.method, status=answer.status, seconds=seconds)
            await send_answer(send, answer, request.request_id, is_head=request.method == "HEAD")

    async def _enter(self, reader: Reader) -> bool:
        """Who asks for what; whether it is a stream."""
        request = reader.request
        request.describe()
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
        if request.header("sec-fetch-site") not in {None, "same-origin", "none"}:
            raise Forbidden("Changes are followed from our own pages only.")
        found = route(request.scope["raw_path"])
        of_console = found["tenant"] if found else None
        if of_console:
            request.headers["stateward-tenant"] = of_console.decode()
        await reader.enter()
        wants_stream = MEDIA_TYPE in (request.header("accept") or "")
        return request.method == "GET" and bool(wants_stream or of_console)

    async def _page(self, reader: Reader) -> Answer:
        for attempt in (1, 2, 3):
            try:
                page = await page_of(reader, self.hand)
                break
            except CallerChanged:
                if attempt == 3:
                    raise
                await reader.check()
        body = {
            "items": page.items,
            "next_cursor": page.next.cursor,
            "caught_up": page.is_caught_up,
        }
        return data_answer(200, body)

    async def _follow(self, reader: Reader, receive: Receive, send: Send) -> None:
        tenant_id = reader.actor.tenant_id
        place = reader.asking.after
        if reader.asking.is_from_now:
            place = await present_place(reader, self.hand)
        else:
            await reader.look(place, 1)  # 410 before the stream begins
        subscription = await self._tails.subscribe(tenant_id)
        follower = Follower(
            reader, subscription, place, renew=lambda: self._tails.renew(tenant_id, subscription)
        )
        self._followers.setdefault(tenant_id, set()).add(follower)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            await serve_events(
                follower.messages(),
                receive,
                send,
                request_id=reader.request.request_id,
                longest_send=LONGEST_SEND,
            )
        finally:
            self._followers[tenant_id].discard(follower)
            if not self._followers[tenant_id]:
                del self._followers[tenant_id]
            self._tails.unsubscribe(tenant_id, subscription)
            if follower.ended is not None:
                await self._refused(reader, follower.ended)

    async def _watch(self) -> None:
        """See to it that whoever may no longer follow is told within a second."""
        while self._followers:
            for tenant_id in [*self._followers]:
                with suppress(StatewardError):  # the database is away; so are changes
                    await self._compare(tenant_id)
            await asyncio.sleep(LOOK_SECONDS)

    async def _compare(self, tenant_id: UUID) -> None:
        flow = load_configuration(tenant_id, max_age=LOOK_SECONDS / 2)
        epochs = (await self._travel.drive(tenant_id, flow)).epochs
        for follower in self._followers.get(tenant_id, ()):
            if follower.reader.epochs != epochs or follower.reader.has_ended:
                follower.must_check = True
                follower.subscription.wake()

    async def _refused(self, reader: Reader, error: Exception) -> Answer:
        request = reader.request
        try:
            if reader.has_actor and hasattr(error, "denial"):
                await reader.drive(record_denial(reader.actor, request.call, error))
        except StatewardError as failure:  # a denial that cannot be recorded is not answered as one
            error = failure
        return problem_answer(error, request.request_id)

    async def _read(self, tenant_id: UUID, after: Place | None, limit: int) -> Look:
        # The statement names its tenant to the database itself: no transaction around it.
        return await self._travel.drive(None, read_log(tenant_id, after, limit=limit))

    async def _newest(self) -> Place:
        return await self._travel.drive(None, newest_place())


def route(path: bytes) -> re.Match[bytes] | None:
    """The tenant that a raw path names, where it is one of changes."""
    return PATH.fullmatch(path.split(b"?", 1)[0])


def is_changes(path: bytes) -> bool:
    """Whether a raw path is that of changes."""
    return b"/changes" in path and route(path) is not None
