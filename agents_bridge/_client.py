"""The two clients. Each is a thin carrier of the effects in ``_wire.py``: one with threads that
block, one with asyncio.
"""

from __future__ import annotations

import asyncio
import inspect
import platform
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

import httpx

from agents_bridge import _groups as groups
from agents_bridge._bounds import RateLimit, rate_limits
from agents_bridge._errors import ConnectionFailed, TimedOut, TransportFailure
from agents_bridge._held import AsyncHeldLease, HeldLease
from agents_bridge._profile import find_profile
from agents_bridge._retry import Retry
from agents_bridge._session import Memory, Session, Settings
from agents_bridge._watch import AsyncChanges, AsyncPieces, Changes, Pieces
from agents_bridge._wire import (
    Consistency,
    Effect,
    Flow,
    Pause,
    Request,
    Response,
    Send,
    adrive,
    drive,
)

T = TypeVar("T")

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=32, keepalive_expiry=30.0)
_CONNECT_SECONDS = 5.0


class ClientOptions(TypedDict, total=False):
    """What a client may be told, besides where the server is."""

    tenant: str | None
    """For platform operators: the slug of the tenant to work in."""
    purpose: str | None
    """Why the data is touched; policies and the audit see it."""
    run: str | None
    """Groups the calls of one agent run."""
    on_behalf_of: str | None
    """The principal this is done for; both must be allowed."""
    timeout: float | None
    """Seconds to wait for an answer to one try; 30 unless told. Connecting is given at most 5."""
    retry: Retry
    """How stubborn to be."""
    consistency: Consistency
    """How fresh reads must be; ``strong`` unless told."""


class _Shared:
    """What the constructor of both clients does before there is any HTTP."""

    session: Session

    def _begin(
        self,
        base_url: str | None,
        api_key: str | None,
        cached_entries: int,
        options: ClientOptions,
    ) -> None:
        profile = find_profile(base_url, api_key)
        settings = Settings(profile.url, profile.api_key, _user_agent(), **options)
        self.session = Session(settings, Memory(cached_entries))

    @property
    def consistency_token(self) -> str | None:
        """Stands for all that this client has written. Give it to another agent's ``follow``."""
        return self.session.memory.token

    @property
    def rate_limits(self) -> dict[str, RateLimit]:
        """Where this client stood under each of its rate limits at the last answer; empty where
        it has none.
        """
        return rate_limits(self.session.memory.rate_limit_headers)

    def follow(self, token: str) -> None:
        """From now on, reads with ``consistency="session"`` see at least what ``token`` stands
        for.
        """
        self.session.memory.remember_token(token)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session.settings.base_url!r})"


class Client(_Shared):
    """A Stateward server, from blocking code. Safe to share between threads.

    The address and the key come from the arguments, else from ``STATEWARD_URL`` and
    ``STATEWARD_API_KEY``, else from what ``make up`` wrote. ``cached_entries`` keeps that many
    entries to ask only whether they changed. ``transport`` or ``limits`` replace httpx's own, for
    tests and proxies.

    >>> client.namespaces.create("quick.start").name
    'quick.start'
    >>> client.entries.put("quick.start", "hello", {"who": "world"}).version
    1
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        cached_entries: int = 0,
        transport: httpx.BaseTransport | None = None,
        limits: httpx.Limits = _LIMITS,
        verify: Any = True,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._begin(base_url, api_key, cached_entries, options)
        self._http = httpx.Client(
            transport=transport, limits=limits, verify=verify, trust_env=transport is None
        )
        self._bind()

    def _bind(self) -> None:
        self.namespaces = groups.Namespaces(self)
        self.entries = groups.Entries(self)
        self.leases = groups.Leases(self)
        self.checkpoints = groups.Checkpoints(self)
        self.branches = groups.Branches(self)
        self.proposals = groups.Proposals(self)
        self.transactions = groups.Transactions(self)
        self.schemas = groups.Schemas(self)
        self.policies = groups.Policies(self)
        self.decisions = groups.Decisions(self)
        self.agents = groups.Agents(self)
        self.credentials = groups.Credentials(self)
        self.audit = groups.Audit(self)
        self.changes = Changes(self)
        self.health = groups.Health(self)

    def with_options(self, **options: Unpack[ClientOptions]) -> Client:
        """A client that differs in these options and shares connections, tokens and cache with this
        one.

        >>> desk = client.with_options(purpose="refund", run="run-17")
        >>> desk.entries.put("notes", "refund", {"amount": 12}).version
        1
        """
        derived = object.__new__(Client)
        derived.session = self.session.derive(**options)
        derived._http = self._http
        derived._bind()
        return derived

    def begin_session(self, token: str | None = None) -> Client:
        """A client for one line of work, which never goes back in time: it sees what it wrote and
        no less than it has seen, wherever it is read. Shares connections with this one, no tokens.

        ``token``: begin at what another agent handed on (its ``consistency_token``).

        >>> desk = client.begin_session()
        >>> _ = desk.entries.put("notes", "line", 1)
        >>> desk.entries.get("notes", "line").value
        1
        """
        derived = object.__new__(Client)
        derived.session = self.session.begin(token)
        derived._http = self._http
        derived._bind()
        return derived

    def lease(
        self, namespace: str, key: str, *, ttl_seconds: float = 30.0, wait_seconds: float = 0.0
    ) -> HeldLease:
        """The key to oneself for a block of code: renewed while it runs, given back at its end.

        What is written through ``held.entries`` carries the token. Locked (423) where somebody else
        has the key, after ``wait_seconds`` in line. ``held.lost`` says if it could not be kept.

        >>> with client.lease("notes", "door", ttl_seconds=30) as held:
        ...     held.entries.put("notes", "door", "open").version
        1
        """
        return HeldLease(self, namespace, key, ttl_seconds, wait_seconds)

    def _fenced(self, fencing: tuple[str, int]) -> Client:
        derived = object.__new__(Client)
        derived.session = self.session.derive(fencing=fencing)
        derived._http = self._http
        derived._bind()
        return derived

    def close(self) -> None:
        """Close the connections, also those of clients derived from this one."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, flow: Flow[T]) -> T:
        """Carry a flow out. The methods of the groups call this; you rarely need to."""
        return drive(flow, self._perform)

    @contextmanager
    def stream(self, request: Request) -> Iterator[Pieces]:
        """An answer as it comes. ``changes.watch`` calls this; you rarely need to."""
        try:
            with self._http.stream(**_arguments(request)) as response:
                content = b"" if response.is_success else response.read()
                yield _response(response, content), response.iter_bytes()
        except httpx.HTTPError as error:
            raise _failure(error, request) from error

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return self._exchange(effect)
        if isinstance(effect, Pause):
            return time.sleep(effect.seconds)
        return effect.function(effect.argument)

    def _exchange(self, effect: Send) -> Response:
        request = effect.request
        try:
            with self._http.stream(**_arguments(request)) as response:
                if effect.sink is None or not response.is_success:
                    return _response(response, response.read())
                effect.sink.begin()
                for piece in response.iter_bytes():
                    effect.sink.write(piece)
                return _response(response, b"")
        except httpx.HTTPError as error:
            raise _failure(error, request) from error


class AsyncClient(_Shared):
    """A Stateward server, from asyncio code. The same names as ``Client``; what does I/O is
    awaited.

    ``async with AsyncClient() as client: await client.entries.put("notes", "hello", 1)``. Lists are
    iterated with ``async for``.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        cached_entries: int = 0,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: httpx.Limits = _LIMITS,
        verify: Any = True,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._begin(base_url, api_key, cached_entries, options)
        self._http = httpx.AsyncClient(
            transport=transport, limits=limits, verify=verify, trust_env=transport is None
        )
        self._bind()

    def _bind(self) -> None:
        self.namespaces = groups.AsyncNamespaces(self)
        self.entries = groups.AsyncEntries(self)
        self.leases = groups.AsyncLeases(self)
        self.checkpoints = groups.AsyncCheckpoints(self)
        self.branches = groups.AsyncBranches(self)
        self.proposals = groups.AsyncProposals(self)
        self.transactions = groups.AsyncTransactions(self)
        self.schemas = groups.AsyncSchemas(self)
        self.policies = groups.AsyncPolicies(self)
        self.decisions = groups.AsyncDecisions(self)
        self.agents = groups.AsyncAgents(self)
        self.credentials = groups.AsyncCredentials(self)
        self.audit = groups.AsyncAudit(self)
        self.changes = AsyncChanges(self)
        self.health = groups.AsyncHealth(self)

    def with_options(self, **options: Unpack[ClientOptions]) -> AsyncClient:
        """A client that differs in these options and shares connections, tokens and cache with this
        one.
        """
        derived = object.__new__(AsyncClient)
        derived.session = self.session.derive(**options)
        derived._http = self._http
        derived._bind()
        return derived

    def begin_session(self, token: str | None = None) -> AsyncClient:
        """A client for one line of work, which never goes back in time: it sees what it wrote and
        no less than it has seen, wherever it is read. Shares connections with this one, no tokens.

        ``token``: begin at what another agent handed on (its ``consistency_token``).
        """
        derived = object.__new__(AsyncClient)
        derived.session = self.session.begin(token)
        derived._http = self._http
        derived._bind()
        return derived

    def lease(
        self, namespace: str, key: str, *, ttl_seconds: float = 30.0, wait_seconds: float = 0.0
    ) -> AsyncHeldLease:
        """The key to oneself for a block of code: renewed while it runs, given back at its end.

        What is written through ``held.entries`` carries the token. Locked (423) where somebody else
        has the key, after ``wait_seconds`` in line. ``held.lost`` says if it could not be kept.

        ``async with client.lease("notes", "door") as held: await held.entries.put(…)``
        """
        return AsyncHeldLease(self, namespace, key, ttl_seconds, wait_seconds)

    def _fenced(self, fencing: tuple[str, int]) -> AsyncClient:
        derived = object.__new__(AsyncClient)
        derived.session = self.session.derive(fencing=fencing)
        derived._http = self._http
        derived._bind()
        return derived

    async def close(self) -> None:
        """Close the connections, also those of clients derived from this one."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def run(self, flow: Flow[T]) -> T:
        """Carry a flow out. The methods of the groups call this; you rarely need to."""
        return await adrive(flow, self._perform)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncPieces]:
        """An answer as it comes. ``changes.watch`` calls this; you rarely need to."""
        try:
            async with self._http.stream(**_arguments(request)) as response:
                content = b"" if response.is_success else await response.aread()
                yield _response(response, content), response.aiter_bytes()
        except httpx.HTTPError as error:
            raise _failure(error, request) from error

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return await self._exchange(effect)
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        result = effect.function(effect.argument)
        return await result if inspect.isawaitable(result) else result

    async def _exchange(self, effect: Send) -> Response:
        request = effect.request
        try:
            async with self._http.stream(**_arguments(request)) as response:
                if effect.sink is None or not response.is_success:
                    return _response(response, await response.aread())
                effect.sink.begin()
                async for piece in response.aiter_bytes():
                    effect.sink.write(piece)
                return _response(response, b"")
        except httpx.HTTPError as error:
            raise _failure(error, request) from error


def _arguments(request: Request) -> dict[str, Any]:
    wait = request.timeout
    connect = _CONNECT_SECONDS if wait is None else min(wait, _CONNECT_SECONDS)
    return {
        "method": request.method,
        "url": request.url,
        "headers": {name: text.encode() for name, text in request.headers.items()},
        "content": request.content,
        "timeout": httpx.Timeout(wait, connect=connect),
    }


def _response(response: httpx.Response, content: bytes) -> Response:
    return Response(response.status_code, {**response.headers}, content)


def _failure(error: httpx.HTTPError, request: Request) -> TransportFailure:
    what = f"{request.method} {request.url.partition('?')[0]}"
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{what}: no answer in time ({type(error).__name__})")
    return ConnectionFailed(f"{what}: {error or type(error).__name__}")


def _user_agent() -> str:
    try:
        number = version("stateward")
    except PackageNotFoundError:  # run from a checkout
        number = "0"
    return f"stateward-bridge/{number} python/{platform.python_version()} httpx/{httpx.__version__}"
