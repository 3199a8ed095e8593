"""What each mode of concurrency makes of a write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stateward.operations.plane import Plane
from tests.factories.state import World, make_namespace
from tests.state.conftest import Caller

COUNTERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"concurrency": "reducer", "reducer": {"name": "add"}}, {"type": "add", "payload": 1}),
    (
        {"concurrency": "crdt", "crdt": {"type": "counter"}},
        {"type": "increment", "payload": {"by": 1}},
    ),
]


@pytest.fixture(params=COUNTERS, ids=["reducer", "crdt"])
def action(request: pytest.FixtureRequest, world: World) -> dict[str, Any]:
    """What counts one more in the namespace "counts"."""
    mode, action = request.param
    make_namespace(world.actor, "counts", **mode)
    counting: dict[str, Any] = action
    return counting


async def test_eight_times_25_increments_are_200(call: Caller, action: dict[str, Any]) -> None:
    call.namespace = "counts"

    async def one() -> list[int]:
        answers = [await call("POST", "hot", action, then="/actions") for _ in range(25)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json()["version"] for answer in answers]

    versions = await asyncio.gather(*(one() for _ in range(8)))

    assert (await call("GET", "hot")).json()["value"] == 200
    assert sorted(version for some in versions for version in some) == list(range(1, 201))
