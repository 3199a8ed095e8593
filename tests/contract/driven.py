"""One text of a test for both clients: the asynchronous one, driven as if it blocked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agents_bridge import AsyncClient, Client

KINDS = ("blocking", "asynchronous")


class _Driven:
    """What is awaited is waited for; what comes piece by piece is a list."""

    def __init__(self, it: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._it = it
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._it, name)
        return self._called(found) if callable(found) else _Driven(found, self._loop)

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            answer = method(*arguments, **named)
            if inspect.isawaitable(answer):
                return self._loop.run_until_complete(_awaited(answer))
            if isinstance(answer, AsyncIterable):
                return self._loop.run_until_complete(_listed(answer))
            return _Driven(answer, self._loop) if isinstance(answer, AsyncClient) else answer

        return call


async def _awaited(answer: Any) -> Any:
    return await answer


async def _listed(pieces: AsyncIterable[Any]) -> list[Any]:
    return [one async for one in pieces]


@contextmanager
def opened(kind: str, url: str, key: str, **options: Any) -> Iterator[Any]:
    """A client of that kind, to be called as the blocking one is."""
    if kind == "blocking":
        with Client(url, key, **options) as client:
            yield client
        return
    loop = asyncio.new_event_loop()
    asynchronous = AsyncClient(url, key, **options)
    try:
        yield _Driven(asynchronous, loop)
    finally:
        loop.run_until_complete(asynchronous.close())
        loop.close()
