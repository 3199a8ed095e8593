"""Who calls the data plane: looked up once, then known in the process for as long as the tenant's
principals do not change.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from hashlib import blake2b

from stateward.kernel import clock
from stateward.kernel.errors import Unauthenticated
from stateward.kernel.flow import Flow
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    cached_configuration,
    load_configuration,
)
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor
from stateward.tenancy.authenticate import attributed, authenticate
from stateward.tenancy.exceptions import BadCredential, OtherTenant
from stateward.tenancy.limits import rate_limits_of
from stateward.tenancy.usage import Uses
from stateward.web.asgi import Request
from stateward.web.browser import browser_actor
from stateward.web.limiting import AsyncLimiter

MAX_KNOWN = 50_000


class Callers:
    """The credentials this process has seen. Kept under a hash of the credential, never the
    credential itself.
    """

    def __init__(self, travel: Travel, uses: Uses) -> None:
        self._travel = travel
        self._uses = uses
        self._limiter = AsyncLimiter()
        self._known: OrderedDict[bytes, Actor] = OrderedDict()

    async def actor_of(self, request: Request) -> Actor:
        """The caller; 401 without a valid credential, 403 for one who is not active, 429 for one
        who calls too often. A browser's session is under no limit: who mends it must get in.
        """
        header = request.header("authorization")
        if header is None:
            return await self._by_session(request)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise BadCredential
        digest = blake2b(token.encode("latin-1"), digest_size=16).digest()
        actor = self._known.get(digest)
        if actor is None or not await self._still_holds(actor):
            actor = await self._look_up(token.strip(), digest)
        self._check_tenant(request, actor)
        if actor.credential_id is not None:
            self._uses.note(actor.tenant_id, actor.credential_id, request.call.source_address)
        if actor.limits and request.standing is None:  # once, however often it is decided again
            request.standing = await self._limiter.take(actor.limits)
            request.standing.require()
        return actor

    async def close(self) -> None:
        await self._limiter.close()

    def forget(self, request: Request) -> None:
        """Look this caller up anew next time."""
        header = request.header("authorization") or ""
        token = header.partition(" ")[2]
        self._known.pop(blake2b(token.encode("latin-1"), digest_size=16).digest(), None)

    async def _still_holds(self, actor: Actor) -> bool:
        if actor.ends_at is not None and actor.ends_at <= clock.now():
            return False
        configuration = cached_configuration(actor.tenant_id, MAX_AGE_SECONDS)
        if configuration is None:
            configuration = await self._travel.drive(
                actor.tenant_id, load_configuration(actor.tenant_id)
            )
        return configuration.epochs.principals == actor.read_under

    async def _look_up(self, token: str, digest: bytes) -> Actor:
        first = await self._travel.drive(None, authenticate(token))
        actor = await self._travel.drive(first.tenant_id, _read_again(token, first))
        while len(self._known) >= MAX_KNOWN:
            self._known.popitem(last=False)
        self._known[digest] = actor
        return actor

    async def _by_session(self, request: Request) -> Actor:
        if request.header("cookie") is None:
            raise Unauthenticated
        actor = await asyncio.to_thread(browser_actor, request.method, dict(request.headers))
        if actor is None:
            raise Unauthenticated
        return actor

    @staticmethod
    def _check_tenant(request: Request, actor: Actor) -> None:
        wanted = request.header("stateward-tenant")
        if wanted is not None and wanted != actor.tenant_slug:
            raise attributed(OtherTenant(), actor, "other_tenant")


def _read_again(token: str, first: Actor) -> Flow[Actor]:
    """The actor as read AFTER the counter it is filed under, so that what is filed is never older
    than it claims.
    """
    configuration = yield from load_configuration(first.tenant_id)
    actor = yield from authenticate(token)
    limits = yield from rate_limits_of(actor.tenant_id, actor.credential_id, actor.tenant_id)
    return replace(actor, read_under=configuration.epochs.principals, limits=limits)
