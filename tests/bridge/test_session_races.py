"""A session under writers that come between: looked at again, and given up only in the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents_bridge import AsyncClient, Contended, Forbidden, PreconditionFailed
from agents_bridge.openai import StatewardSession
from agents_bridge.testing import FakeServer


def said(*texts: str) -> list[Any]:
    return [{"role": "user", "content": text} for text in texts]


@pytest.fixture
def session(async_client: AsyncClient) -> StatewardSession:
    return StatewardSession("s", client=async_client, namespace="notes", purpose="tests")


async def test_a_number_that_was_taken_meanwhile_is_passed(
    session: StatewardSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.add_items(said("a"))
    real, seen = session._newest_number, iter([0, 0])

    async def behind() -> int:
        number = next(seen, None)
        return await real() if number is None else number

    monkeypatch.setattr(session, "_newest_number", behind)
    await session.add_items(said("b"))

    assert await session.get_items() == said("a", "b")


async def test_adding_is_given_up_in_the_end(
    session: StatewardSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.add_items(said("a"))

    async def stuck() -> int:
        return 0

    monkeypatch.setattr(session, "_newest_number", stuck)
    with pytest.raises(PreconditionFailed):
        await session.add_items(said("b"))


async def test_taking_and_clearing_are_given_up_in_the_end(
    session: StatewardSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.add_items(said("a"))

    async def overtaken(*arguments: Any) -> bool:
        return False

    monkeypatch.setattr(session, "_shorten", overtaken)
    monkeypatch.setattr(session, "_cleared", overtaken)
    with pytest.raises(Contended):
        await session.pop_item()
    with pytest.raises(Contended):
        await session.clear_session()


async def test_a_batch_that_changed_between_look_and_act_is_looked_at_again(
    async_client: AsyncClient, session: StatewardSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.add_items(said("a", "b"))
    rival = StatewardSession("s", client=async_client, namespace="notes")
    real, begun = session._newest_batch, []

    async def overtaken() -> Any:
        found = await real()
        if not begun:
            begun.append(await rival.pop_item())
        return found

    monkeypatch.setattr(session, "_newest_batch", overtaken)

    assert await session.pop_item() == said("a")[0]
    assert begun == said("b")


async def test_a_batch_that_grew_between_look_and_clearing_is_cleared_too(
    async_client: AsyncClient, session: StatewardSession
) -> None:
    await session.add_items(said("a", "b"))
    real = session._entries.delete
    times: list[str] = []

    class Overtaken(type(session._entries)):  # type: ignore[misc]
        async def delete(self, namespace: str, key: str, **options: Any) -> None:
            if not times:
                times.append(key)
                entry = await async_client.entries.get(namespace, key)
                await async_client.entries.put(namespace, key, entry.value)
            await real(namespace, key, **options)

    session._entries = Overtaken(session._entries._runner)
    await session.clear_session()

    assert await session.get_items() == []
    assert len(times) == 1


async def test_one_that_was_cleared_meanwhile_is_no_error(
    async_client: AsyncClient, session: StatewardSession
) -> None:
    await session.add_items(said("a"))
    real = session._entries.delete

    class Gone(type(session._entries)):  # type: ignore[misc]
        async def delete(self, namespace: str, key: str, **options: Any) -> None:
            await async_client.entries.delete(namespace, key)
            await real(namespace, key, **options)

    session._entries = Gone(session._entries._runner)
    await session.clear_session()

    assert await session.pop_item() is None


async def test_a_refusal_is_told_and_not_the_cancellation_lost(
    server: FakeServer, session: StatewardSession
) -> None:
    server.forbid(method="PUT", namespace="notes")
    with pytest.raises(Forbidden):
        await session.add_items(said("a"))

    task = asyncio.ensure_future(session.add_items(said("b")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_others_keep_under_the_prefix_is_passed_over(
    async_client: AsyncClient, session: StatewardSession
) -> None:
    await session.add_items(said("a"))
    for key, value in {
        "s:notes": "a page of notes",
        "s:0000000000": {"number": "none", "items": []},
        "s:0000000001": {"number": 1, "items_json": "{"},
    }.items():
        await async_client.entries.put("notes", key, value)

    assert await session.get_items() == said("a")
    assert await session.pop_item() == said("a")[0]
