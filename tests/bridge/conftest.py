"""A server in memory and its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agents_bridge import AsyncClient, Client, Retry
from agents_bridge.testing import FakeServer


class Clock:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> FakeServer:
    return FakeServer(clock=clock)


@pytest.fixture
def quick() -> Retry:
    """As stubborn as by default, without the waiting."""
    return Retry(base_seconds=0.0)


@pytest.fixture
def client(server: FakeServer, quick: Retry) -> Iterator[Client]:
    with server.client(retry=quick) as client:
        client.namespaces.create("notes")
        yield client


@pytest.fixture
async def async_client(server: FakeServer, quick: Retry) -> AsyncIterator[AsyncClient]:
    async with server.async_client(retry=quick) as client:
        await client.namespaces.ensure("notes")
        yield client
