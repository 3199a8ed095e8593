"""A hold at the data plane: what an agent's client is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from agents_bridge import AsyncClient, NotFound, UnderHold
from stateward.operations.plane import Plane
from stateward.state.configuration import forget_configurations
from tests.factories.retention import Keeper
from tests.factories.state import audit_records
from tests.factories.tenants import make_key


@pytest_asyncio.fixture
async def client(keeper: Keeper) -> AsyncIterator[AsyncClient]:
    key = await sync_to_async(make_key)(keeper.world.agent)
    forget_configurations()
    plane = Plane()
    await plane.travel.open()
    transport = httpx.ASGITransport(app=plane, client=("192.0.2.9", 4711))
    async with AsyncClient("http://stateward.test", key.text, transport=transport) as client:
        yield client
    await plane.changes.close()
    await plane.travel.close()


async def test_the_client_is_told_of_the_hold_and_writes_go_on(
    keeper: Keeper, client: AsyncClient
) -> None:
    entries = client.entries
    await entries.put("notes", "held", {"n": 1})
    await entries.put("notes", "free", {"n": 1})
    await sync_to_async(keeper.hold)(key_pattern="held")

    with pytest.raises(UnderHold) as refused:
        await entries.delete("notes", "held")
    await entries.put("notes", "held", {"n": 2})
    await entries.delete("notes", "free")

    assert (refused.value.status, refused.value.code) == (409, "under_hold")
    assert (await entries.get("notes", "held")).value == {"n": 2}
    with pytest.raises(NotFound):
        await entries.get("notes", "free")
    records = await sync_to_async(audit_records)(keeper.tenant_id)
    assert ("state.delete", "deny_invariant", "held") in records
