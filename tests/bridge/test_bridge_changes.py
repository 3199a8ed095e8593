"""The feed as a client sees it: resumed by itself, and ended by what cannot be mended."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from agents_bridge import AsyncClient, Change, Client, Forbidden, Gone
from agents_bridge.testing import FakeServer
from tests.bridge.test_cli import Command, stateward

__all__ = ["stateward"]


def events(*changes: tuple[str, str], ending: str = "") -> bytes:
    """A stream of changes (cursor, key), and how it ends."""
    text = ""
    for cursor, key in changes:
        document = {
            "namespace": "n", "key": key, "operation": "put", "version": 1, "cursor": cursor,
        }  # fmt: skip
        text += f"id: {cursor}\ndata: {json.dumps(document)}\n\n"
    return (text + ending).encode()


def client_of(*answers: httpx.Response | Exception) -> tuple[Client, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    left = [*answers]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    transport = httpx.MockTransport(answer)
    return Client("http://x.test", "sw_k", transport=transport), asked


def test_a_watch_goes_on_after_the_last_change_it_gave() -> None:
    client, asked = client_of(
        httpx.Response(200, content=events(("c1", "a"), ("c2", "b")) + b"id: c3\ndata: {"),
        httpx.ConnectError("gone"),
        httpx.Response(503),
        httpx.Response(200, content=events(("c3", "c"))),
    )

    with client, client.changes.watch(after="c0") as changes:
        keys = [next(changes).key for _ in range(3)]
        assert changes.cursor == "c3"

    assert keys == ["a", "b", "c"]
    assert [request.url.params["after"] for request in asked] == ["c0", "c2", "c2", "c2"]


def test_a_heartbeat_moves_the_cursor() -> None:
    beat = 'event: heartbeat\nid: c9\ndata: {"cursor": "c9"}\n\n'
    client, asked = client_of(
        httpx.Response(200, content=events(("c1", "a"), ending=beat)),
        httpx.Response(200, content=events(("c10", "b"))),
    )

    with client, client.changes.watch() as changes:
        assert [next(changes).key, next(changes).key] == ["a", "b"]

    assert asked[1].url.params["after"] == "c9"


def test_a_watch_ends_where_the_reader_may_no_longer_follow() -> None:
    problem = json.dumps({"status": 403, "code": "forbidden", "detail": "Not any more."})
    ending = f"event: end\ndata: {problem}\n\n"
    client, _ = client_of(httpx.Response(200, content=events(("c1", "a"), ending=ending)))

    with client, client.changes.watch() as changes:
        next(changes)
        with pytest.raises(Forbidden, match="Not any more"):
            next(changes)


def test_a_cursor_that_is_too_old_says_where_to_begin() -> None:
    problem = {"status": 410, "code": "cursor_expired", "oldest_cursor": "c5"}
    gone = httpx.Response(410, json=problem, headers={"content-type": "application/problem+json"})
    client, _ = client_of(gone)

    with client, client.changes.watch(after="c0") as changes, pytest.raises(Gone) as caught:
        next(changes)

    assert caught.value.problem["oldest_cursor"] == "c5"


def test_the_asynchronous_watch_is_the_same(server: FakeServer) -> None:
    async def follow(client: AsyncClient) -> list[Change]:
        await client.namespaces.create("notes")
        start = (await client.changes.page(after="now")).next_cursor
        await client.entries.put("notes", "a", {"n": 1})
        await client.entries.put("notes", "a", {"n": 2})
        found = []
        async with client.changes.watch(after=start, values="patch") as changes:
            async for change in changes:
                found.append(change)
                if len(found) == 2:
                    break
        return found

    async def run() -> list[Change]:
        async with server.async_client() as client:
            return await follow(client)

    first, second = asyncio.run(run())

    assert (first.version, second.version) == (1, 2)
    assert second.patch == [{"op": "replace", "path": "/n", "value": 2}]


def test_the_command_shows_changes_line_by_line(stateward: Command) -> None:
    stateward("put", "notes", "a", "1")
    stateward("put", "notes", "b", "2")

    said = stateward("watch", "notes", "--after", "oldest", "-n", "2", "--values", "full")
    lines = stateward("watch", "--after", "oldest", "--prefix", "b", "-n", "1", "--json").out

    assert said.code == 0
    for line, place in zip(said.out.splitlines(), ("notes/a", "notes/b"), strict=True):
        assert f"put      {place}  v1  by tester" in line
    assert json.loads(lines)["key"] == "b"
