"""The fake server itself: routes, credentials, idempotency, faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from typing import Any, Unpack
from uuid import uuid4

import httpx

from agents_bridge._client import AsyncClient, Client, ClientOptions
from agents_bridge.testing import _branches as copies
from agents_bridge.testing import _changes as feed
from agents_bridge.testing import _control as control
from agents_bridge.testing import _entries as state
from agents_bridge.testing import _leases as locks
from agents_bridge.testing import _proposals as votes
from agents_bridge.testing import _quotas as quotas
from agents_bridge.testing import _schemas as evolution
from agents_bridge.testing import _transactions as together
from agents_bridge.testing._entries import Answer
from agents_bridge.testing._problems import Refusal
from agents_bridge.testing._requests import Asked
from agents_bridge.testing._store import Store

_Handler = Callable[..., Answer]
_ROUTES: tuple[tuple[str, dict[str, _Handler]], ...] = (
    ("namespaces", {"GET": state.namespaces, "POST": state.namespaces}),
    (
        "namespaces/*",
        {"GET": state.namespace, "PATCH": state.namespace, "DELETE": state.namespace},
    ),
    ("namespaces/*/entries", {"GET": state.entries}),
    (
        "namespaces/*/entries/*",
        dict.fromkeys(("GET", "PUT", "PATCH", "DELETE"), state.entry),
    ),
    ("namespaces/*/entries/*/revisions", {"GET": state.revisions}),
    ("namespaces/*/entries/*/diff", {"GET": state.diff}),
    ("namespaces/*/entries/*/actions", {"POST": state.action}),
    ("namespaces/*/entries/*/rollback", {"POST": state.rollback}),
    ("namespaces/*/transactions", {"POST": together.transactions}),
    ("namespaces/*/reads", {"POST": together.reads}),
    ("namespaces/*/leases", {"GET": locks.leases, "POST": locks.leases}),
    ("namespaces/*/leases/*", {"PATCH": locks.lease, "DELETE": locks.lease}),
    ("namespaces/*/proposals", dict.fromkeys(("GET", "POST"), votes.proposals)),
    ("namespaces/*/proposals/*", dict.fromkeys(("GET", "DELETE"), votes.proposal)),
    ("namespaces/*/proposals/*/votes", {"POST": votes.vote}),
    ("namespaces/*/branches", dict.fromkeys(("GET", "POST"), copies.branches)),
    ("namespaces/*/branch", {"GET": copies.branch}),
    ("namespaces/*/branch/merge", {"POST": copies.merge}),
    ("namespaces/*/quota", dict.fromkeys(("GET", "PUT"), quotas.quota)),
    ("namespaces/*/schemas", dict.fromkeys(("GET", "POST"), evolution.schemas)),
    ("namespaces/*/schemas/*", dict.fromkeys(("GET", "DELETE"), evolution.schema)),
    ("namespaces/*/schemas/*/check", {"POST": evolution.check}),
    ("namespaces/*/schemas/*/activate", {"POST": evolution.activate}),
    ("namespaces/*/schema-runs", {"GET": evolution.runs}),
    ("namespaces/*/schema-runs/*", {"GET": evolution.run}),
    ("changes", {"GET": feed.changes}),
    ("policies", {"GET": control.policies, "POST": control.policies}),
    ("policies/validation", {"POST": control.validation}),
    ("policies/*", {"GET": control.policy}),
    ("policies/*/versions", {"GET": control.versions, "POST": control.versions}),
    ("policies/*/activation", {"PUT": control.activation, "DELETE": control.activation}),
    ("audit/records", {"GET": control.records}),
    ("audit/records/*", {"GET": control.record}),
)
_KEPT = frozenset({200, 201, 204, 409, 412, 423})  # outcomes that a repeat answers again


@dataclass(frozen=True, slots=True)
class _Rule:
    """What shall be refused: patterns as in file names."""

    method: str
    namespace: str
    key: str
    reason: str

    def covers(self, asked: Asked) -> bool:
        place = asked.parts[3:]  # after api, v1, namespaces
        if asked.parts[2:3] != ("namespaces",) or not place:
            return False
        key = place[2] if len(place) > 2 else ""
        return (
            fnmatchcase(asked.method, self.method)
            and fnmatchcase(place[0], self.namespace)
            and fnmatchcase(key, self.key)
        )


class FakeServer:
    """A server in memory. Give its ``client()`` to the code under test.

    ``clock`` replaces the time: times to live and ``as_of`` follow it.

    >>> from agents_bridge.testing import FakeServer
    >>> server = FakeServer()
    >>> with server.client() as client:
    ...     _ = client.namespaces.create("notes")
    ...     client.entries.put("notes", "answer", 42).version
    1
    """

    url = "http://stateward.test"

    def __init__(
        self, *, api_key: str = "sw_test_secret", clock: Callable[[], datetime] | None = None
    ) -> None:
        self.api_key = api_key
        self.requests: list[httpx.Request] = []
        """Every request that arrived, in order."""
        self._clock = clock or (lambda: datetime.now(UTC))
        actor = {"type": "agent", "id": "00000000-0000-7000-8000-000000000001", "name": "tester"}
        self._store = Store(self._clock, actor, quotas.require_room, evolution.require_fit)
        self._rules: list[_Rule] = []
        self._faults: deque[httpx.Response | Exception] = deque()
        self._kept: dict[str, tuple[str, Answer | Refusal]] = {}
        self._lock = (
            threading.Lock()
        )  # one request at a time: what a transaction gives the real one

    def client(self, *, cached_entries: int = 0, **options: Unpack[ClientOptions]) -> Client:
        """A blocking client of this server."""
        return Client(
            self.url,
            self.api_key,
            cached_entries=cached_entries,
            transport=self.transport,
            **options,
        )

    def async_client(
        self, *, cached_entries: int = 0, **options: Unpack[ClientOptions]
    ) -> AsyncClient:
        """An asynchronous client of this server."""
        return AsyncClient(
            self.url,
            self.api_key,
            cached_entries=cached_entries,
            transport=self.transport,
            **options,
        )

    @property
    def transport(self) -> httpx.MockTransport:
        """For a client of your own making, of either kind."""
        return httpx.MockTransport(self._receive)

    def forbid(
        self,
        *,
        method: str = "*",
        namespace: str = "*",
        key: str = "*",
        reason: str = "deny_forbid",
    ) -> None:
        """Refuse matching calls from now on with 403, as a policy would. Patterns as in file names.

        >>> server = FakeServer()
        >>> server.forbid(method="PUT", namespace="customers.*")
        """
        self._rules.append(_Rule(method, namespace, key, reason))

    def fail(self, *faults: int | Exception, retry_after: float | None = None) -> None:
        """Let the next calls fail, one for each fault: with a status, or by raising an httpx error.

        >>> server = FakeServer()
        >>> server.fail(503, 503)
        >>> with server.client() as client:
        ...     client.health.alive()  # tries again by itself
        True
        """
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        for fault in faults:
            self._faults.append(
                fault if isinstance(fault, Exception) else httpx.Response(fault, headers=headers)
            )

    def _receive(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            if self._faults:
                fault = self._faults.popleft()
                if isinstance(fault, Exception):
                    raise fault
                return fault
            return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request_id = request.headers.get("x-request-id") or str(uuid4())
        headers = {"X-Request-ID": request_id, "Date": format_datetime(self._clock(), usegmt=True)}
        try:
            answer = self._once(Asked.of(request))
        except Refusal as refusal:
            document = refusal.document(request_id)
            headers |= {"Content-Type": "application/problem+json", **refusal.headers}
            return httpx.Response(refusal.status, headers=headers, content=_spell(document))
        headers |= answer.headers
        if answer.document is None:
            return httpx.Response(answer.status, headers=headers)
        if isinstance(answer.document, bytes):
            return httpx.Response(answer.status, headers=headers, content=answer.document)
        headers["Content-Type"] = "application/json"
        return httpx.Response(answer.status, headers=headers, content=_spell(answer.document))

    def _once(self, asked: Asked) -> Answer:
        """The answer, or the one that the same call got before under its idempotency key."""
        handler, arguments = self._route(asked)
        self._admit(asked)
        key = asked.headers.get("idempotency-key")
        if key is None or asked.method == "GET":
            return handler(self._store, asked, *arguments)
        fingerprint = _fingerprint(asked)
        if key in self._kept:
            return self._again(key, fingerprint)
        try:
            answer = handler(self._store, asked, *arguments)
        except Refusal as refusal:
            if refusal.status in _KEPT:
                self._kept[key] = (fingerprint, refusal)
            raise
        self._kept[key] = (fingerprint, answer)
        return answer

    def _again(self, key: str, fingerprint: str) -> Answer:
        made_of, outcome = self._kept[key]
        if made_of != fingerprint:
            detail = "This idempotency key was used for another request."
            raise Refusal(422, "idempotency_key_reused", detail)
        replayed = {"Idempotency-Replayed": "true"}
        if isinstance(outcome, Refusal):
            outcome.headers = replayed
            raise outcome
        return Answer(outcome.status, outcome.document, {**outcome.headers, **replayed})

    def _admit(self, asked: Asked) -> None:
        if asked.parts[0] in {"healthz", "readyz"}:
            return
        if asked.headers.get("authorization") != f"Bearer {self.api_key}":
            detail = "No valid credential was given."
            raise Refusal(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})
        for rule in self._rules:
            if rule.covers(asked):
                action = "state.read_value" if asked.method == "GET" else "state.write"
                namespace, key = asked.parts[3], "".join(asked.parts[5:6]) or None
                record = self._store.record(action, rule.reason, namespace=namespace, key=key)
                raise Refusal(
                    403,
                    "forbidden",
                    "The policy in force does not allow this.",
                    decision_id=record["id"],
                    reason=rule.reason,
                )

    def _route(self, asked: Asked) -> tuple[_Handler, list[str]]:
        if asked.parts in {("healthz",), ("readyz",)}:
            return _healthy, []
        place = asked.parts[2:]
        for pattern, methods in _ROUTES:
            wanted = pattern.split("/")
            if asked.parts[:2] == ("api", "v1") and _fits(place, wanted):
                if asked.method not in methods:
                    raise Refusal(
                        405, "method_not_allowed", "This resource does not answer that method."
                    )
                stars = [part for part, want in zip(place, wanted, strict=True) if want == "*"]
                return methods[asked.method], stars
        raise Refusal(
            501, "not_in_the_fake", "The fake server does not have this; the real one may."
        )


def _fits(place: tuple[str, ...], wanted: list[str]) -> bool:
    return len(place) == len(wanted) and all(
        want in ("*", part) for part, want in zip(place, wanted, strict=True)
    )


def _healthy(store: Store, asked: Asked) -> Answer:
    return Answer(200, {"status": "ok", "degraded": False})


def _fingerprint(asked: Asked) -> str:
    conditions = [asked.headers.get(name, "") for name in ("if-match", "if-none-match")]
    told = [asked.method, *asked.parts, str(asked.query), *conditions]
    return hashlib.sha256("\n".join(told).encode() + asked.content).hexdigest()


def _spell(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
