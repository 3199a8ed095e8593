"""What passes through the data plane to the console and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stateward.web.forward import Forward


async def answer(request: web.Request) -> web.Response:
    told = ", ".join(sorted(request.headers))
    headers = {"X-Own": "kept", "Connection": "close", "Set-Cookie": "a=1"}
    return web.Response(text=f"{request.path_qs} {told}", headers=headers)


@pytest.fixture
async def forward(tmp_path: Path) -> AsyncIterator[Forward]:
    """Before a console of a few lines, which says when it answered and what it is."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    socket = str(tmp_path / "console.sock")
    await web.UnixSite(runner, socket).start()
    made = Forward(socket)
    await made.open()
    yield made
    await made.close()
    await runner.cleanup()


async def ask(forward: Forward, path: str, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(asked, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    raw, _, query = path.partition("?")
    scope = {
        "type": "http", "method": "POST", "path": raw, "raw_path": raw.encode(), "scheme": "http",
        "query_string": query.encode(), "client": ("192.0.2.1", 5),
        "headers": [(b"content-length", b"1"), *headers],
    }  # fmt: skip
    await forward(scope, receive, send)
    return sent


async def test_the_answer_says_once_when_it_was_given(forward: Forward) -> None:
    begin, *_ = await ask(forward, "/t/x/?a=1")

    names = [name for name, _ in begin["headers"]]
    assert b"date" not in names, "the server that answers the client says it"
    assert b"server" not in names
    assert b"connection" not in names
    assert (b"x-own", b"kept") in begin["headers"]
    assert (b"set-cookie", b"a=1") in begin["headers"]


async def test_what_speaks_of_one_connection_goes_no_further(forward: Forward) -> None:
    _, *parts = await ask(
        forward, "/x", (b"te", b"trailers"), (b"upgrade", b"h2c"), (b"x-mine", b"1")
    )

    told = b"".join(part.get("body", b"") for part in parts).decode()
    assert "x-mine" in told.lower()
    assert "upgrade" not in told.lower()
    assert "X-Forwarded-For" in told
