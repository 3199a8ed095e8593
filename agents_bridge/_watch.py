"""Following the feed: the same state machine (``Following``) over both kinds of connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol, Self, TypeVar, Unpack

from agents_bridge._bind import AsyncGroup, Group, async_paging, awaiting, blocking, paging
from agents_bridge._changes import Change, Following, Values, following
from agents_bridge._changes import list as list_changes
from agents_bridge._changes import page as page_of_changes
from agents_bridge._errors import TransportFailure
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow, Request, Response

T = TypeVar("T")
Pieces = tuple[Response, Iterator[bytes]]
AsyncPieces = tuple[Response, AsyncIterator[bytes]]


class Streams(Protocol):
    """Opens streams, and carries flows out."""

    session: Session

    def run(self, flow: Flow[T], /) -> T: ...
    def stream(self, request: Request, /) -> AbstractContextManager[Pieces]: ...


class AsyncStreams(Protocol):
    """The same, asynchronously."""

    session: Session

    async def run(self, flow: Flow[T], /) -> T: ...
    def stream(self, request: Request, /) -> AbstractAsyncContextManager[AsyncPieces]: ...


class Watch:
    """Changes as they happen. Iterate it; leave the loop, or ``close``, to stop.

    A lost connection is taken up again where it broke: nothing is missed, and nothing comes twice.
    It ends by an error: Unauthenticated, Forbidden or NotFound once you may not follow any more,
    Gone where you were away for longer than changes are kept.
    """

    def __init__(self, streams: Streams, state: Following) -> None:
        self._streams = streams
        self._state = state
        self._changes = self._follow()

    @property
    def cursor(self) -> str | None:
        """Keep it to go on here another time: ``watch(after=cursor)``."""
        return self._state.cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Change:
        return next(self._changes)

    def close(self) -> None:
        self._changes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self) -> Generator[Change, None, None]:
        state = self._state
        while True:
            try:
                with self._streams.stream(state.request()) as (response, pieces):
                    if response.status != 200:
                        wait = state.refused(response)
                    else:
                        for piece in pieces:
                            yield from state.receive(piece)
                        wait = state.interrupted()
            except TransportFailure as error:
                wait = state.interrupted(error)
            time.sleep(wait)


class AsyncWatch:
    """Changes as they happen: ``async for change in …``. See ``Watch``."""

    def __init__(self, streams: AsyncStreams, state: Following) -> None:
        self._streams = streams
        self._state = state
        self._changes = self._follow()

    @property
    def cursor(self) -> str | None:
        """Keep it to go on here another time: ``watch(after=cursor)``."""
        return self._state.cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        return await anext(self._changes)

    async def close(self) -> None:
        await self._changes.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _follow(self) -> AsyncGenerator[Change, None]:
        state = self._state
        while True:
            try:
                async with self._streams.stream(state.request()) as (response, pieces):
                    if response.status != 200:
                        wait = state.refused(response)
                    else:
                        async for piece in pieces:
                            for change in state.receive(piece):
                                yield change
                        wait = state.interrupted()
            except TransportFailure as error:
                wait = state.interrupted(error)
            await asyncio.sleep(wait)


class Changes(Group):
    """The change feed: what was committed, in one order for all."""

    _runner: Streams

    page = blocking(page_of_changes)
    list = paging(list_changes)

    def watch(
        self,
        *,
        namespace: str | None = None,
        prefix: str | None = None,
        after: str | None = None,
        values: Values = "none",
        **options: Unpack[CallOptions],
    ) -> Watch:
        """Changes as they happen, after a cursor; without one from the oldest kept change on, with
        ``after="now"`` from now on.

        >>> start = client.changes.page(after="now").next_cursor
        >>> _ = client.entries.put("notes", "door", "shut")
        >>> with client.changes.watch(namespace="notes", after=start, values="full") as changes:
        ...     change = next(changes)
        >>> change.key, change.operation, change.value
        ('door', 'put', 'shut')
        """
        session = self._runner.session
        state = following(
            session,
            namespace=namespace,
            prefix=prefix,
            after=after,
            values=values,
            options=options,
        )
        return Watch(self._runner, state)


class AsyncChanges(AsyncGroup):
    """The change feed: what was committed, in one order for all."""

    _runner: AsyncStreams

    page = awaiting(page_of_changes)
    list = async_paging(list_changes)

    def watch(
        self,
        *,
        namespace: str | None = None,
        prefix: str | None = None,
        after: str | None = None,
        values: Values = "none",
        **options: Unpack[CallOptions],
    ) -> AsyncWatch:
        """Changes as they happen, after a cursor; without one from the oldest kept change on, with
        ``after="now"`` from now on.
        """
        session = self._runner.session
        state = following(
            session,
            namespace=namespace,
            prefix=prefix,
            after=after,
            values=values,
            options=options,
        )
        return AsyncWatch(self._runner, state)
