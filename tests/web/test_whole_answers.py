"""Our own protocol: whole answers, in the order of their requests, however they are sent off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from stateward.web.asgi import WHOLE
from stateward.web.http import Protocol

REQUEST = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Together:
    """An application that answers nobody until ``count`` have asked, and then all at once."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.two_here = asyncio.Event()
        self.all_here = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.left -= 1
        if self.left == 18:
            self.two_here.set()
        if self.left == 0:
            self.all_here.set()
        await self.all_here.wait()
        body = scope["path"].encode() * 1000
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": WHOLE, "status": 200, "headers": headers, "body": body})


@pytest.fixture
async def together() -> AsyncGenerator[tuple[Together, int], None]:
    application = Together(20)
    config = Config(application, lifespan="off", http=Protocol, log_level="error")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    yield application, server.sockets[0].getsockname()[1]
    server.close()
    for connection in list(state.connections):
        connection.shutdown()
    await server.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def test_each_of_many_that_are_answered_at_once_gets_its_own(
    together: tuple[Together, int],
) -> None:
    async def ask(number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", together[1])
        writer.write(REQUEST % number)
        answer = await read_answer(reader)
        writer.close()
        return answer

    answers = await asyncio.wait_for(asyncio.gather(*map(ask, range(20))), 10)

    assert answers == [b"/%d" % number * 1000 for number in range(20)]


async def test_requests_of_one_connection_are_answered_in_their_order_and_then_it_ends(
    together: tuple[Together, int],
) -> None:
    application, port = together
    application.all_here.set()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    writer.write(REQUEST % 1 + REQUEST % 2 + LAST % 3)

    assert [await read_answer(reader) for _ in range(3)] == [b"/%d" % n * 1000 for n in (1, 2, 3)]
    assert await reader.read() == b""
    writer.close()


async def test_who_has_gone_away_stands_in_nobodys_way(together: tuple[Together, int]) -> None:
    application, port = together
    gone = await asyncio.open_connection("127.0.0.1", port)
    stays = await asyncio.open_connection("127.0.0.1", port)
    for number, (_, writer) in enumerate((gone, stays)):
        writer.write(REQUEST % number)
    await application.two_here.wait()

    gone[1].transport.abort()
    application.all_here.set()

    assert await asyncio.wait_for(read_answer(stays[0]), 5) == b"/1" * 1000
    stays[1].close()
