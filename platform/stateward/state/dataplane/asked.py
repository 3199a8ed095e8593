"""One request to the data plane, and how its routes are written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from stateward.kernel.flow import Flow, T
from stateward.state.freshness import Reading
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor, Call
from stateward.web.asgi import Answer, Request


class Asked(NamedTuple):
    """What a handler is given. ``/api/v1/namespaces/{namespace}/{collection}/{item}/{verb}/…``:
    what the path does not name is empty.
    """

    request: Request
    actor: Actor
    travel: Travel
    namespace: str
    item: str
    rest: tuple[str, ...] = ()
    reading: Reading | None = None  # how fresh reads must be; the driver notes what it came to see

    @property
    def call(self) -> Call:
        return self.request.call

    async def drive(self, flow: Flow[T]) -> T:
        return await self.travel.drive(self.actor.tenant_id, flow, self.reading)


Handler = Callable[[Asked], Awaitable[Answer]]

# By shape of what follows the namespace, then by method. A shape names the collection, a place for
# the item, and what comes behind it: ("entries",), ("entries", "*"), ("entries", "*", "diff").
Shape = tuple[str, ...]
Routes = Mapping[Shape, Mapping[str, Handler]]
