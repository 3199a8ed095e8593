"""The data plane: which request is whose, and every refusal recorded before it is answered. What is
not here belongs to the console's process.
"""

from __future__ import annotations

import time

from stateward.gate.keys.exceptions import CannotOpen
from stateward.kernel.errors import MethodNotAllowed, NotFound, StatewardError
from stateward.kernel.flow import Flow, T
from stateward.state.callers import Callers
from stateward.state.dataplane import entries, leases, proposals, transactions
from stateward.state.dataplane.asked import Asked, Handler, Routes
from stateward.state.exceptions import CallerChanged
from stateward.state.freshness import TOKEN_HEADER, Reading, parse_reading
from stateward.state.judging import record_denial
from stateward.state.parsing import refuse_known
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor
from stateward.web.asgi import (
    Answer,
    Request,
    path_segments,
    problem_answer,
    tell_standing,
)
from stateward.web.metrics import READING, observe

ROUTES: Routes = {
    **entries.ROUTES,
    **leases.ROUTES,
    **proposals.ROUTES,
    **transactions.ROUTES,
}
COLLECTIONS = frozenset(shape[0].encode() for shape in ROUTES)


class DataPlane:
    """The routes under ``/api/v1/namespaces/{ns}`` that are the data plane's."""

    def __init__(self, travel: Travel, callers: Callers) -> None:
        self._travel = travel
        self._callers = callers

    async def answer(self, request: Request) -> Answer:
        """The answer to a request, refusals included."""
        started = time.perf_counter()
        actor: Actor | None = None
        reading = Reading()
        try:
            request.describe()
            reading = parse_reading(request)
            namespace, item, rest, handler = _route(request)
            if handler not in entries.KNOWING:
                refuse_known(request)
            for attempt in (1, 2, 3):
                actor = await self._callers.actor_of(request)
                try:
                    asked = Asked(request, actor, self._travel, namespace, item, rest, reading)
                    answer = await handler(asked)
                    break
                except CallerChanged:
                    self._callers.forget(request)
                    if attempt == 3:
                        raise
                except CannotOpen:
                    # An old copy may be sealed under a key that is gone.
                    if attempt == 3 or not self._read_the_newest(reading, actor):
                        raise
        except Exception as error:
            answer = await self._refused(request, actor, error)
        tell_standing(request, answer)
        if actor is not None:
            await self._tell_token(request, answer, reading)
        observe(
            actor.tenant_id if actor is not None else None,
            method=request.method,
            status=answer.status,
            seconds=time.perf_counter() - started,
        )
        return answer

    def _read_the_newest(self, reading: Reading, actor: Actor) -> bool:
        """From here on; False where that was read."""
        if reading.level == "strong" and not reading.is_remembered:
            return False
        reading.level, reading.is_remembered = "strong", False
        self._travel.hot.forget_tenant(actor.tenant_id)
        return True

    async def _tell_token(self, request: Request, answer: Answer, reading: Reading) -> None:
        """Every write answers a token, and every read of a caller that keeps a session: also that
        there is nothing, so that it will not see again what was deleted.
        """
        token: str | None = None
        try:
            if request.method not in READING and not reading.is_read:
                if answer.status < 300:
                    token = reading.written or await self._travel.token()
            elif reading.is_asked and (answer.status < 400 or answer.status == 404):
                at_standby = reading.seen is not None and not reading.at_primary
                token = str(reading.seen) if at_standby else await self._travel.position()
        except StatewardError:
            pass  # what was done is done, and answered without one
        if token is not None:
            answer.headers.append((TOKEN_HEADER.encode(), token.encode()))

    async def _refused(self, request: Request, actor: Actor | None, error: Exception) -> Answer:
        try:
            if (who := actor or getattr(error, "actor", None)) is not None:
                await self.drive(who, record_denial(who, request.call, error))
        except StatewardError as failure:  # a denial that cannot be recorded is not answered as one
            error = failure
        return problem_answer(error, request.request_id)

    async def drive(self, actor: Actor, flow: Flow[T]) -> T:
        return await self._travel.drive(actor.tenant_id, flow)


def is_ours(path: bytes) -> bool:
    """Whether a raw path is the data plane's: a collection of a namespace, and below."""
    if not path.startswith(b"/api/v1/namespaces/"):
        return False
    parts = path.split(b"/", 6)
    return len(parts) > 5 and parts[5] in COLLECTIONS


def _route(request: Request) -> tuple[str, str, tuple[str, ...], Handler]:
    segments = path_segments(request.scope)
    rest = tuple(segments[6:])
    shape = (segments[4],) if len(segments) < 6 else (segments[4], "*", *rest)
    handlers = ROUTES.get(shape)
    if handlers is None:
        raise NotFound
    method = "GET" if request.method == "HEAD" else request.method
    handler = handlers.get(method)
    if handler is None:
        raise MethodNotAllowed(
            headers={
                "Allow": ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else [])}))
            }
        )
    return segments[3], segments[5] if len(segments) > 5 else "", rest, handler
