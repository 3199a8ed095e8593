"""Turns the flows of the core into the methods of both clients, with their signatures and
documentation.

A flow takes the session first: ``def get(session, namespace, key) -> Flow[Entry]``.
``blocking(get)`` is a method that returns an Entry, ``awaiting(get)`` one that returns an awaitable
Entry; type checkers see both with all parameters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from agents_bridge._models import Page
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow

P = ParamSpec("P")
T = TypeVar("T")


class Runs(Protocol):
    """Carries flows out, at once."""

    session: Session

    def run(self, flow: Flow[T], /) -> T: ...


class Awaits(Protocol):
    """Carries flows out, asynchronously."""

    session: Session

    async def run(self, flow: Flow[T], /) -> T: ...


class Group:
    """A part of the blocking client: ``client.entries``."""

    def __init__(self, runner: Runs) -> None:
        self._runner = runner


class AsyncGroup:
    """A part of the asynchronous client."""

    def __init__(self, runner: Awaits) -> None:
        self._runner = runner


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list that the server gives page by page."""

    session: Session
    path: str
    query: dict[str, Any]
    build: Callable[[Any], T]
    options: CallOptions

    def page(self, cursor: str | None) -> Flow[Page[T]]:
        response = yield from self.session.call(
            "GET", self.path, self.options, query={**self.query, "cursor": cursor}
        )
        document = response.document()
        return Page(
            items=tuple(self.build(item) for item in document.get("items") or ()),
            next_cursor=document.get("next_cursor"),
        )


class Pages(Generic[T]):
    """All items of a list, fetched page by page as they are used. Iterate it, as often as you
    like.
    """

    def __init__(self, runner: Runs, listing: Listing[T]) -> None:
        self._runner = runner
        self._listing = listing

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self, cursor: str | None = None) -> Iterator[Page[T]]:
        """The pages themselves, from ``cursor`` (a ``next_cursor`` kept from before) or the
        beginning.
        """
        while True:
            page = self.page(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    def page(self, cursor: str | None = None) -> Page[T]:
        """One page."""
        return self._runner.run(self._listing.page(cursor))


class AsyncPages(Generic[T]):
    """All items of a list, fetched page by page as they are used: ``async for item in …``."""

    def __init__(self, runner: Awaits, listing: Listing[T]) -> None:
        self._runner = runner
        self._listing = listing

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self, cursor: str | None = None) -> AsyncIterator[Page[T]]:
        """The pages themselves, from ``cursor`` (a ``next_cursor`` kept from before) or the
        beginning.
        """
        while True:
            page = await self.page(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    async def page(self, cursor: str | None = None) -> Page[T]:
        """One page."""
        return await self._runner.run(self._listing.page(cursor))


def blocking(
    flow: Callable[Concatenate[Session, P], Flow[T]],
) -> Callable[Concatenate[Any, P], T]:
    @wraps(flow)
    def method(group: Group, /, *args: P.args, **kwargs: P.kwargs) -> T:
        runner = group._runner
        return runner.run(flow(runner.session, *args, **kwargs))

    return method


def awaiting(
    flow: Callable[Concatenate[Session, P], Flow[T]],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    @wraps(flow)
    def method(group: AsyncGroup, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        runner = group._runner
        return runner.run(flow(runner.session, *args, **kwargs))

    return method


def paging(
    listing: Callable[Concatenate[Session, P], Listing[T]],
) -> Callable[Concatenate[Any, P], Pages[T]]:
    @wraps(listing)
    def method(group: Group, /, *args: P.args, **kwargs: P.kwargs) -> Pages[T]:
        runner = group._runner
        return Pages(runner, listing(runner.session, *args, **kwargs))

    return method


def async_paging(
    listing: Callable[Concatenate[Session, P], Listing[T]],
) -> Callable[Concatenate[Any, P], AsyncPages[T]]:
    @wraps(listing)
    def method(group: AsyncGroup, /, *args: P.args, **kwargs: P.kwargs) -> AsyncPages[T]:
        runner = group._runner
        return AsyncPages(runner, listing(runner.session, *args, **kwargs))

    return method
