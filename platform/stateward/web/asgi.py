"""The data plane's HTTP, on bare ASGI: a request read once, an answer sent once, every refusal a
problem document.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from django.conf import settings

from stateward.kernel.errors import Fault, Malformed, StatewardError, TooLarge
from stateward.tenancy.actors import Call
from stateward.tenancy.addresses import source_address
from stateward.web.calls import SAID, call_of, request_id_of
from stateward.web.limiting import Standing
from stateward.web.problems import as_stateward, problem

log = logging.getLogger("stateward.web")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024
NO_STORE = (b"cache-control", b"no-store")
JSON = (b"content-type", b"application/json")
WHOLE = "stateward.whole_answer"  # what our own protocol (``web/http.py``) can send besides


class Request:
    """One request. Header names are asked for in lower case; query parameters may not repeat."""

    __slots__ = (
        "_body", "_receive", "call", "headers", "method", "request_id", "scope", "standing",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self._receive = receive
        self._body: bytes | None = None
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.request_id = request_id_of(self.header)
        self.call: Call
        self.standing: Standing | None = None  # of a caller under rate limits

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def describe(self) -> Call:
        """What the request says about itself; 400 where it says it badly."""
        peer = self.scope.get("client")
        forwarded = self.header("x-forwarded-for") or ""
        address = source_address(peer[0] if peer else "", forwarded, settings.TRUSTED_PROXIES)
        if self.says(SAID):
            self.call = call_of(self.header, source_address=address, request_id=self.request_id)
        else:
            agent = self.headers.get("user-agent", "")[:512]
            self.call = Call(self.request_id, address, None, agent)
        return self.call

    def says(self, names: frozenset[str]) -> bool:
        """Whether any of these headers was sent."""
        return not names.isdisjoint(self.headers)

    def query(self, allowed: Iterable[str]) -> Mapping[str, str]:
        """The query parameters; 400 for one that is not ``allowed``, given twice, or not UTF-8."""
        if not self.scope["query_string"]:
            return {}
        found: dict[str, str] = {}
        names = set(allowed)
        try:
            pairs = parse_qsl(
                self.scope["query_string"].decode("ascii"),
                keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20,
            )  # fmt: skip
        except ValueError:
            raise _bad_parameter("the query string is not well formed") from None
        for name, value in pairs:
            if name not in names:
                raise _bad_parameter(f"the parameter {name[:50]!r} is not known here")
            if name in found:
                raise _bad_parameter(f"the parameter {name} is given twice")
            if "\x00" in value:
                raise _bad_parameter(f"the parameter {name} contains U+0000")
            found[name] = value
        return found

    async def body(self, limit: int = MAX_BODY) -> bytes:
        """The whole body; 413 above ``limit``, before it is read where its length is declared.

        Kept: a request that is decided again, because its caller changed, asks a second time.
        """
        if self._body is None:
            self._body = await self._read_body(limit)
        return self._body

    async def gone(self) -> None:
        """Returns when the client has gone away; to be awaited once the body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _read_body(self, limit: int) -> bytes:
        declared = self.header("content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        message = await self._receive()
        data: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if len(data) > limit:
                raise _too_large(limit)
            return data
        parts, size = [data], len(data)
        while message.get("more_body"):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Malformed("The client went away before the body was complete.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise _too_large(limit)
        return b"".join(parts)


class Answer:
    """A status, headers and a body of bytes."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [*headers]


def tell_standing(request: Request, answer: Answer) -> None:
    """Put the ``RateLimit`` headers of a caller under limits onto an answer."""
    if request.standing is not None and answer.status != 429:  # a refusal has them already
        for name, value in request.standing.headers().items():
            answer.headers.append((name.lower().encode(), value.encode()))


def json_answer(status: int, value: Any, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, orjson.dumps(value), (JSON, NO_STORE, *headers))


def problem_answer(error: BaseException, request_id: str) -> Answer:
    ours = error if isinstance(error, StatewardError) else as_stateward(error)
    if ours.status >= 500 and not isinstance(error, StatewardError):
        log.error("request.failed", extra={"request_id": request_id}, exc_info=error)
    status, headers, body = problem(ours, request_id)
    pairs = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]
    return Answer(status, orjson.dumps(body), pairs)


async def send_answer(
    send: Send, answer: Answer, request_id: str, *, is_head: bool = False, is_whole: bool = False
) -> None:
    """``is_whole``: where the server can take an answer as one message, ``WHOLE``."""
    headers = answer.headers
    if answer.status < 400:  # a problem document names it already
        headers.append((b"x-request-id", request_id.encode("latin-1")))
    if answer.status not in {204, 304}:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    body = b"" if is_head else answer.body
    if is_whole:
        await send({"type": WHOLE, "status": answer.status, "headers": headers, "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def path_segments(scope: Scope) -> list[str]:
    """The path's segments, each percent-decoded by itself; 400 for one that is not UTF-8."""
    raw: bytes = scope["raw_path"]
    if b"%" not in raw and raw.isascii():
        return raw.decode("ascii").split("?", 1)[0].split("/")[1:]
    try:
        return [
            unquote(part.decode("ascii"), errors="strict") if b"%" in part else part.decode("ascii")
            for part in raw.split(b"?", 1)[0].split(b"/")[1:]
        ]
    except UnicodeDecodeError:
        raise Malformed(
            "The path is not percent-encoded UTF-8.", errors=(Fault("", "the path is not UTF-8"),)
        ) from None


def _bad_parameter(message: str) -> Malformed:
    return Malformed(
        f"The request's parameters are not acceptable: {message}.", errors=(Fault("", message),)
    )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than the {limit:,} bytes accepted here.")
