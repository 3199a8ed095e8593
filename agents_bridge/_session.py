"""The one core that both clients wrap: builds requests, decides on retries, reads answers,
remembers tokens. No I/O.
"""

from __future__ import annotations

import random
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from agents_bridge._errors import (
    ApiError,
    TransportFailure,
    UnexpectedResponse,
    WritePending,
    api_error,
)
from agents_bridge._retry import Retry, is_worth_repeating, retry_after_seconds
from agents_bridge._wire import (
    UNSET,
    CallOptions,
    Consistency,
    Flow,
    Pause,
    Request,
    Response,
    Send,
    Sink,
    encode,
    query_string,
)

API: Final = "/api/v1"
_SAFE = frozenset({"GET", "HEAD"})
_PENDING = "/api/v1/pending/"  # where a write stands that others have to agree to
_TOKENS_KEPT = 128  # more than the calls that are under way at once; others are replaced


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client was told. Derived clients differ from their parent only in these."""

    base_url: str
    api_key: str
    user_agent: str
    tenant: str | None = None
    purpose: str | None = None
    run: str | None = None
    on_behalf_of: str | None = None
    timeout: float | None = 30.0
    consistency: Consistency = "strong"
    retry: Retry = field(default_factory=Retry)
    fencing: tuple[str, int] | None = None  # of whoever holds a lease: an entry's path, the token


class Memory:
    """What a client and all derived from it remember: consistency tokens and, if wanted, answers by
    path.
    """

    def __init__(self, cached_entries: int = 0) -> None:
        self._lock = threading.Lock()  # guards both; held for a few instructions only
        self._tokens: deque[str] = deque(maxlen=_TOKENS_KEPT)
        self.rate_limit_headers: Mapping[str, str] = {}  # of the last answer that had any
        self.capacity = cached_entries
        self._answers: OrderedDict[str, Response] = OrderedDict()

    @property
    def token(self) -> str | None:
        with self._lock:
            return ",".join(self._tokens) or None

    def remember_token(self, token: str, *, instead_of: str | None = None) -> None:
        """Keep a token. ``instead_of``: those that were known when the call was sent which it
        answers; they are older.
        """
        with self._lock:
            for part in (instead_of or "").split(","):
                if part in self._tokens:
                    self._tokens.remove(part)
            for part in filter(None, (piece.strip() for piece in token.split(","))):
                if part in self._tokens:
                    self._tokens.remove(part)
                self._tokens.append(part)

    def answer(self, path: str) -> Response | None:
        with self._lock:
            if path in self._answers:
                self._answers.move_to_end(path)
            return self._answers.get(path)

    def remember_answer(self, path: str, response: Response) -> None:
        if not self.capacity or "etag" not in response.headers:
            return
        with self._lock:
            self._answers[path] = response
            self._answers.move_to_end(path)
            if len(self._answers) > self.capacity:
                self._answers.popitem(last=False)


class Session:
    """Settings and memory, and the flow of one call."""

    def __init__(self, settings: Settings, memory: Memory) -> None:
        self.settings = settings
        self.memory = memory

    def derive(self, **changes: Any) -> Session:
        return Session(replace(self.settings, **changes), self.memory)

    def begin(self, token: str | None) -> Session:
        """One that remembers by itself, beginning with ``token``, and reads what it remembers."""
        begun = Session(replace(self.settings, consistency="session"), Memory(self.memory.capacity))
        if token is not None:
            begun.memory.remember_token(token)
        return begun

    def call(
        self,
        method: str,
        path: str,
        options: CallOptions,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = UNSET,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        answers: tuple[int, ...] = (),
        sink: Sink | None = None,
        is_read: bool = False,
    ) -> Flow[Response]:
        """Send until there is an answer or no hope. ``answers`` are statuses over 299 that are no
        errors here. ``is_read``: it changes nothing, whatever the method.
        """
        request = Request(
            method=method,
            url=self.settings.base_url + path + query_string(query or {}),
            headers={
                **self.headers("GET" if is_read else method, options),
                **({} if is_read else self._fencing(method, path, options)),
                **({} if body is UNSET else {"Content-Type": content_type}),
                **(headers or {}),
            },
            content=None if body is UNSET else encode(body),
            timeout=options.get("timeout", self.settings.timeout),
        )
        return (yield from self._send(request, answers, sink))

    def _send(
        self, request: Request, answers: tuple[int, ...], sink: Sink | None
    ) -> Flow[Response]:
        sent = 0
        known = self.memory.token
        while True:
            sent += 1
            failure: TransportFailure | ApiError
            try:
                response: Response = yield Send(request, sink)
            except TransportFailure as error:
                failure, after = error, None
            else:
                self._remember(response, known)
                if response.status == 202:
                    _refuse_to_wait(response)
                if 200 <= response.status < 300 or response.status in answers:
                    return response
                failure = refusal(response)
                after = failure.retry_after if isinstance(failure, ApiError) else None
            pause = self._pause(sent, failure, after)
            if pause is None:
                raise failure
            yield Pause(pause)

    def _pause(
        self, sent: int, failure: TransportFailure | ApiError, after: float | None
    ) -> float | None:
        if isinstance(failure, UnexpectedResponse):
            return None
        if isinstance(failure, ApiError) and not is_worth_repeating(failure.status, failure.code):
            return None
        return self.settings.retry.pause(sent, chance=_chance(), retry_after=after)

    def _fencing(self, method: str, path: str, options: CallOptions) -> dict[str, str]:
        token = options.get("fencing_token")
        if token is None and self.settings.fencing is not None:
            leased, newest = self.settings.fencing
            token = newest if path == leased or path.startswith(f"{leased}/") else None
        if token is None or method in _SAFE:
            return {}
        return {"Stateward-Fencing-Token": str(token)}

    def spread(self, attempt: int) -> float:
        """Seconds to wait before trying for the next time to be the first of several writers."""
        return _chance() * min(0.5, 0.005 * 2.0**attempt)

    def headers(self, method: str, options: CallOptions) -> dict[str, str]:
        """What every request says about itself and its caller."""
        settings = self.settings
        given: dict[str, str | None] = {
            "Accept": "application/json",
            "Authorization": f"Bearer {settings.api_key}" if settings.api_key else None,
            "User-Agent": settings.user_agent,
            "Stateward-Tenant": settings.tenant,
            "Stateward-Purpose": options.get("purpose", settings.purpose),
            "Stateward-Run": options.get("run", settings.run),
            "Stateward-Schema-Version": (
                str(options["schema_version"]) if "schema_version" in options else None
            ),
            "Stateward-On-Behalf-Of": options.get("on_behalf_of", settings.on_behalf_of),
        }
        if method in _SAFE:
            consistency = options.get("consistency", settings.consistency)
            is_ordinary = consistency == "strong" and settings.consistency != "session"
            given["Stateward-Consistency"] = None if is_ordinary else consistency
            if consistency == "session":
                given["Stateward-Consistency-Token"] = self.memory.token
        else:
            given["Idempotency-Key"] = options.get("idempotency_key") or str(uuid4())
        return {name: _printable(name, text) for name, text in given.items() if text is not None}

    def _remember(self, response: Response, known: str | None) -> None:
        if "ratelimit" in response.headers:
            self.memory.rate_limit_headers = response.headers
        if token := response.headers.get("stateward-consistency-token"):
            self.memory.remember_token(token, instead_of=known)


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads retries, guards nothing


def _printable(name: str, text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{name} cannot hold line breaks or control characters")
    return text


def _refuse_to_wait(response: Response) -> None:
    """WritePending where what was sent is a write that others have to agree to."""
    place = response.headers.get("location", "")
    if place.startswith(_PENDING):
        raise WritePending(place.removeprefix(_PENDING), place)


def refusal(response: Response) -> ApiError | UnexpectedResponse:
    """The error an answer stands for. A gateway in between may well answer 502 or 503 without a
    problem document.
    """
    if response.status < 400:
        place = response.headers.get("location", "nowhere named")
        return UnexpectedResponse(f"The server answered {response.status} and points to {place}.")
    problem: Any = {}
    if "json" in response.headers.get("content-type", ""):
        try:
            problem = response.json()
        except UnexpectedResponse:
            problem = {}
    return api_error(
        response.status,
        problem if isinstance(problem, dict) else {},
        retry_after=retry_after_seconds(response.headers, datetime.now(UTC)),
    )
