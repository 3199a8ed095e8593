"""A data plane beside a real standby; the rest is the state engine's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from stateward.operations.plane import Plane
from stateward.state.configuration import forget_configurations
from tests.consistency.standbys import RunningStandby
from tests.state.conftest import Caller, call, http, key, sessions, world

__all__ = ["call", "http", "key", "sessions", "world"]


@pytest.fixture(scope="module")
def running_standby() -> Iterator[RunningStandby]:
    standby = RunningStandby.start()
    yield standby
    standby.end()


@pytest.fixture
def standby(running_standby: RunningStandby) -> Iterator[RunningStandby]:
    """The module's, which replays again whatever a test did."""
    yield running_standby
    running_standby.resume()


async def serving(settings: Any, standby: RunningStandby) -> Plane:
    """A data plane that reads ``standby``."""
    forget_configurations()
    settings.DATA_PLANE_STANDBY_URL = standby.url
    plane = Plane()
    await plane.travel.open()
    await well(plane)
    return plane


async def well(plane: Plane) -> None:
    """Until a look finds the standby well."""
    reader = plane.travel.standby
    assert reader is not None
    for _ in range(400):
        if reader.serves:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the standby is not well: {reader.standing}")


@pytest_asyncio.fixture
async def plane(settings: Any, standby: RunningStandby) -> AsyncIterator[Plane]:
    plane = await serving(settings, standby)
    yield plane
    await ended(plane)


async def ended(plane: Plane) -> None:
    await plane.changes.close()
    await plane.travel.close()


class Reader:
    """Reads with a level, keeping the tokens of a session as the client does."""

    def __init__(self, call: Caller, *tokens: str) -> None:
        self.call = call
        self.tokens = list(tokens)

    async def get(self, key: str, level: str = "session", **headers: str) -> Any:
        """The value; None where there is no entry."""
        if level == "session" and self.tokens:
            headers["stateward_consistency_token"] = ",".join(self.tokens)
        answer = await self.call("GET", key, stateward_consistency=level, **headers)
        assert answer.status_code in {200, 404}, answer.text
        if level == "session":
            self.tokens = [answer.headers["stateward-consistency-token"]]
        return answer.json()["value"] if answer.status_code == 200 else None

    async def put(self, key: str, value: Any) -> str:
        answer = await self.call.put(key, value)
        assert answer.status_code in {200, 201}, answer.text
        token = answer.headers["stateward-consistency-token"]
        self.tokens.append(token)
        return str(token)


@pytest.fixture
def reader(call: Caller) -> Reader:
    return Reader(call)
