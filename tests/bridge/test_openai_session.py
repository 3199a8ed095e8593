"""A conversation of the Agents SDK is kept in governed state: whole, in order, whoever writes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from agents import Agent, Runner, set_tracing_disabled
from agents.memory import Session, SessionSettings
from agents.testing import ScriptedModel, assistant_message, function_call

from agents_bridge import AsyncClient, Forbidden, TooLarge
from agents_bridge.openai import StatewardSession, function_tools
from tests.bridge.real_server import new_namespace
from tests.e2e.shared_stack import SharedStack, shared_stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

ROOT = Path(__file__).parents[2]
set_tracing_disabled(True)

Open = Callable[..., StatewardSession]


@pytest.fixture(scope="module")
def stack() -> SharedStack:
    return shared_stack()


@pytest.fixture(scope="module")
def namespace(stack: SharedStack) -> str:
    return new_namespace(stack)


@pytest.fixture
async def client(stack: SharedStack) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(stack.url, stack.builder) as client:
        yield client


@pytest.fixture
def open_session(client: AsyncClient, namespace: str) -> Open:
    session_id = f"desk/{uuid4().hex}:ü"

    def open_session(**options: Any) -> StatewardSession:
        return StatewardSession(session_id, client=client, namespace=namespace, **options)

    return open_session


def said(*texts: str) -> list[Any]:
    return [{"role": "user", "content": text} for text in texts]


def texts(items: list[Any]) -> list[str]:
    return [item["content"] for item in items]


async def test_it_is_a_session_of_the_sdk(open_session: Open) -> None:
    assert isinstance(open_session(), Session)


async def test_items_come_back_as_they_were_in_order(open_session: Open) -> None:
    any_json = [{"type": "reasoning", "summary": [], "n": 2**70, "text": "é 😀", "none": None}]
    await open_session().add_items(said("one", "two"))
    await open_session().add_items(any_json)  # type: ignore[arg-type]
    await open_session().add_items([])

    assert await open_session().get_items() == [*said("one", "two"), *any_json]


@pytest.mark.parametrize(
    "text", ["nul \x00", "half \ud83d", "\\u0000"], ids=["nul", "half", "none"]
)
async def test_even_texts_that_no_entry_takes_come_back(open_session: Open, text: str) -> None:
    await open_session().add_items(said(text, "last"))

    assert await open_session().get_items() == said(text, "last")
    assert await open_session().pop_item() == said("last")[0]
    assert await open_session().get_items() == said(text)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, "abcdefg"), (0, ""), (1, "g"), (3, "efg"), (99, "abcdefg")],
    ids=["all", "none", "one", "over-a-batch", "more-than-there-are"],
)
async def test_the_newest_are_answered_oldest_first(
    open_session: Open, limit: int | None, expected: str
) -> None:
    for batch in ("ab", "cde", "fg"):
        await open_session().add_items(said(*batch))

    assert texts(await open_session().get_items(limit)) == [*expected]


async def test_a_limit_may_be_a_setting_and_an_explicit_one_wins(open_session: Open) -> None:
    session = open_session(session_settings=SessionSettings(limit=2))
    await session.add_items(said("a", "b", "c"))

    assert texts(await session.get_items()) == ["b", "c"]
    assert texts(await session.get_items(1)) == ["c"]


async def test_pages_are_followed(open_session: Open) -> None:
    session = open_session()
    for number in range(45):  # more than two pages of batches
        await session.add_items(said(str(number)))

    assert texts(await session.get_items(43)) == [str(number) for number in range(2, 45)]


async def test_the_newest_item_is_taken_away(open_session: Open) -> None:
    session = open_session()
    await session.add_items(said("a"))
    await session.add_items(said("b", "c"))

    taken = [await session.pop_item() for _ in range(4)]

    assert taken == [*said("c", "b", "a"), None]
    assert await session.get_items() == []
    await session.add_items(said("d"))
    assert texts(await session.get_items()) == ["d"]


async def test_a_cleared_session_begins_anew(open_session: Open) -> None:
    for text in "abc":
        await open_session().add_items(said(text))

    await open_session().clear_session()
    await open_session().add_items(said("new"))

    assert texts(await open_session().get_items()) == ["new"]


async def test_what_is_not_a_batch_is_passed_over(
    client: AsyncClient, namespace: str, open_session: Open
) -> None:
    session = open_session()
    await session.add_items(said("a"))
    prefix = session._prefix
    (key,) = [entry.key async for entry in client.entries.list(namespace, prefix=prefix)]
    await client.entries.put(namespace, key, "not a batch")
    await session.add_items(said("b"))

    assert texts(await session.get_items()) == ["b"]
    assert await session.pop_item() == said("b")[0]
    assert await session.pop_item() is None


async def test_two_pops_never_take_the_same_item(open_session: Open) -> None:
    await open_session().add_items(said(*(str(number) for number in range(8))))

    taken = await asyncio.gather(*(open_session().pop_item() for _ in range(8)))

    assert sorted(texts(taken)) == [str(number) for number in range(8)]


async def test_sessions_whose_ids_begin_alike_stay_apart(
    client: AsyncClient, namespace: str
) -> None:
    start = uuid4().hex
    ids = (start, f"{start}:", f"{start}%3A", f"{start}/x")
    sessions = [StatewardSession(each, client=client, namespace=namespace) for each in ids]
    for session in sessions:
        await session.add_items(said(session.session_id))
    await sessions[0].clear_session()

    assert [texts(await each.get_items()) for each in sessions] == [
        [],
        *([each] for each in ids[1:]),
    ]


@pytest.mark.parametrize("session_id", ["", "x" * 129, "a\nb"], ids=["empty", "long", "control"])
async def test_what_cannot_be_an_id_is_refused_at_once(
    client: AsyncClient, session_id: str
) -> None:
    with pytest.raises(ValueError, match="an id is"):
        StatewardSession(session_id, client=client, namespace="x")


async def test_two_processes_that_add_at_once_lose_nothing(
    stack: SharedStack, namespace: str, open_session: Open
) -> None:
    session = open_session()
    place = [stack.url, stack.builder, namespace, session.session_id]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    program = (sys.executable, "-m", "tests.bridge.session_writer", *place)
    writers = [
        await asyncio.create_subprocess_exec(*program, name, "12", cwd=ROOT, env=environment)
        for name in ("left", "right")
    ]
    for writer in writers:
        assert await writer.wait() == 0

    kept = texts(await session.get_items())
    expected = {
        name: [f"{name} {batch} {part}" for batch in range(12) for part in "abc"]
        for name in ("left", "right")
    }
    assert len(kept) == 72
    for name, items in expected.items():  # each writer's own order
        assert [text for text in kept if text.startswith(name)] == items
    for start in range(0, 72, 3):  # and nobody's items between those of one call
        assert len({text.rpartition(" ")[0] for text in kept[start : start + 3]}) == 1


async def test_a_cancelled_add_is_whole_or_absent(open_session: Open) -> None:
    session = open_session()
    task = asyncio.ensure_future(session.add_items(said("a", "b")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert texts(await session.get_items()) == ["a", "b"]


async def test_a_batch_that_does_not_fit_is_refused_whole(open_session: Open) -> None:
    session = open_session()
    with pytest.raises(TooLarge):
        await session.add_items(said("small", "x" * 1_100_000))

    assert await session.get_items() == []


async def test_a_namespace_that_wants_versions_will_do(
    stack: SharedStack, client: AsyncClient
) -> None:
    namespace = new_namespace(stack, concurrency="versioned")
    session = StatewardSession("s", client=client, namespace=namespace)
    await session.add_items(said("a", "b"))
    await session.pop_item()
    kept = texts(await session.get_items())
    await session.clear_session()

    assert kept == ["a"]
    assert await session.get_items() == []


async def test_a_runner_goes_on_where_the_last_one_stopped(
    client: AsyncClient, namespace: str, open_session: Open
) -> None:
    arguments = {
        "namespace": namespace,
        "key": "seat",
        "value_json": '{"row": 12}',
        "if_version": None,
        "note": "asked",
    }
    first = ScriptedModel(
        [[function_call("state_put", arguments, call_id="c1")], [assistant_message("Row 12.")]]
    )
    tools = function_tools(client, [namespace])
    await Runner.run(Agent("desk", model=first, tools=tools), "A seat?", session=open_session())

    second = ScriptedModel([[assistant_message("You have row 12.")]])
    result = await Runner.run(Agent("desk", model=second), "Which?", session=open_session())

    assert result.final_output == "You have row 12."
    assert second.first_call is not None
    seen = second.first_call.input
    kinds = [item.get("type") or item.get("role") for item in seen]
    assert kinds == ["user", "function_call", "function_call_output", "message", "user"]
    assert (await client.entries.get(namespace, "seat")).value == {"row": 12}


async def test_the_audit_shows_the_conversation_by_its_run(
    stack: SharedStack, client: AsyncClient, namespace: str
) -> None:
    session_id = uuid4().hex
    session = StatewardSession(session_id, client=client, namespace=namespace, purpose="support")
    await session.add_items(said("a"))
    with stack.admin() as admin:
        records = list(admin.audit.search(in_run=session_id))

    assert [record.action for record in records] == ["state.write"]


async def test_a_policy_holds_for_sessions_too(stack: SharedStack, namespace: str) -> None:
    async with AsyncClient(stack.url, stack.reader) as reader:
        session = StatewardSession("s", client=reader, namespace=namespace)

        with pytest.raises(Forbidden):
            await session.add_items(said("a"))
