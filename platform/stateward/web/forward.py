"""What is not the data plane's goes to the console's process, over its Unix socket.

Bodies stream both ways, so that neither an upload nor a download is held in memory; a client that
leaves closes the
request behind it; a console that is down is a 503 with a problem document, while state goes on
being served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable

import aiohttp
from django.conf import settings
from yarl import URL

from stateward.kernel.errors import Unavailable
from stateward.tenancy.addresses import is_trusted
from stateward.web.asgi import Receive, Request, Scope, Send, problem_answer, send_answer

log = logging.getLogger("stateward.web")

# RFC 9110 section 7.6.1: these speak of one connection only.
HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
})  # fmt: skip
# Whoever answers the client says when, and what it is: once.
SAID_ONCE = frozenset({b"date", b"server"})
CONNECTIONS = 64
CHUNK = 64 * 1024


class ConsoleUnavailable(Unavailable):
    """The console is not answering just now. State is still read and written; try again shortly."""

    code = "console_unavailable"


class Forward:
    """A client of the console's socket."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=self._socket, limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=300),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._session is None:
            raise RuntimeError("the forward is not open")
        request = Request(scope, receive)
        has_begun = False
        try:
            async with self._session.request(
                request.method,
                URL(f"http://console{_target(scope)}", encoded=True),
                headers=_headers_inward(scope, request),
                data=_body(receive) if _has_body(request) else None,
                allow_redirects=False,
            ) as answer:
                headers = [
                    (name.lower(), value)
                    for name, value in answer.raw_headers
                    if name.lower() not in HOP_BY_HOP | SAID_ONCE
                ]
                await send(
                    {"type": "http.response.start", "status": answer.status, "headers": headers}
                )
                has_begun = True
                gone = None if _has_body(request) else asyncio.create_task(_left(receive))
                await _pass_on(answer, send, gone)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning(
                "console.unreachable",
                extra={"request_id": request.request_id, "kind": type(error).__name__},
            )
            if not has_begun:
                answer_ = problem_answer(ConsoleUnavailable(), request.request_id)
                await send_answer(
                    send, answer_, request.request_id, is_head=request.method == "HEAD"
                )


async def _pass_on(
    answer: aiohttp.ClientResponse, send: Send, gone: asyncio.Task[None] | None
) -> None:
    try:
        async for chunk in answer.content.iter_chunked(CHUNK):
            if gone is not None and gone.done():
                answer.close()
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        if gone is not None:
            gone.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client left")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


def _has_body(request: Request) -> bool:
    length = request.header("content-length")
    return (length is not None and length != "0") or request.header("transfer-encoding") is not None


def _target(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    path = scope["raw_path"].decode("latin-1")
    return f"{path}?{query.decode('latin-1')}" if query else path


def _headers_inward(scope: Scope, request: Request) -> Iterable[tuple[str, str]]:
    """The client's headers, and who the client is: the console trusts its socket to say so."""
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in HOP_BY_HOP
        and name not in {b"x-forwarded-for", b"x-request-id", b"x-forwarded-proto"}
    ]
    peer = scope["client"][0] if scope.get("client") else ""
    before = request.header("x-forwarded-for")
    headers.append(("X-Forwarded-For", f"{before}, {peer}" if before else peer))
    headers.append(("X-Forwarded-Proto", _scheme(scope, request, peer)))
    headers.append(("X-Request-ID", request.request_id))
    return headers


def _scheme(scope: Scope, request: Request, peer: str) -> str:
    """https where TLS ends here or at a trusted proxy that says so."""
    said = request.header("x-forwarded-proto")
    if said in {"http", "https"} and is_trusted(peer, settings.TRUSTED_PROXIES):
        return said
    scheme: str = scope["scheme"]
    return scheme
