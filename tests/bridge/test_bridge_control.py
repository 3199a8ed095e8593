"""The control plane's calls: what is sent, and what becomes of the answer. The fake server has few
of them, so each answer here is one that the contract describes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents_bridge import AsyncClient, Client, ConnectionFailed, Retry, Unavailable, question

AGENT = {"id": "a-1", "name": "booker", "roles": ["builder"], "status": "active"}
CREDENTIAL = {
    "id": "c-1",
    "key_id": "k1",
    "scopes": ["state.write"],
    "created_at": "2026-11-21T12:00:00Z",
}
POLICY = {"id": "p-1", "name": "night", "active_version": 1}
QUIET = Retry(attempts=2, base_seconds=0.0)


class Recorder:
    """Answers everything the same way and keeps what was asked."""

    def __init__(self, answer: Any, status: int = 200) -> None:
        self.answer, self.status = answer, status
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.answer is None:
            return httpx.Response(204)
        return httpx.Response(self.status, json=self.answer)

    @property
    def first(self) -> tuple[str, str, Any]:
        request = self.asked[0]
        path = request.url.raw_path.decode()
        return request.method, path, json.loads(request.content) if request.content else None


CALLS: list[tuple[Callable[[Any], Any], Any, tuple[str, str, Any]]] = [
    (
        lambda c: c.agents.create("booker", roles=["builder"], team="desk", agent_purpose="books"),
        AGENT,
        (
            "POST",
            "/api/v1/agents",
            {"name": "booker", "roles": ["builder"], "team": "desk", "purpose": "books"},
        ),
    ),
    (lambda c: c.agents.get("a-1"), AGENT, ("GET", "/api/v1/agents/a-1", None)),
    (
        lambda c: c.agents.update("a-1", roles=("reader",), agent_purpose="reads"),
        AGENT,
        ("PATCH", "/api/v1/agents/a-1", {"roles": ["reader"], "purpose": "reads"}),
    ),
    (
        lambda c: c.agents.update("a-1", name="b"),
        AGENT,
        ("PATCH", "/api/v1/agents/a-1", {"name": "b"}),
    ),
    (
        lambda c: c.agents.pause("a-1", reason="loops"),
        AGENT,
        ("PUT", "/api/v1/agents/a-1/pause", {"reason": "loops"}),
    ),
    (lambda c: c.agents.retire("a-1"), None, ("DELETE", "/api/v1/agents/a-1", None)),
    (lambda c: c.agents.resume("a-1"), AGENT, ("DELETE", "/api/v1/agents/a-1/pause", None)),
    (
        lambda c: c.agents.issue_credential(
            "a-1", label="ci", scopes=("state.write",), expires_at=datetime(2027, 1, 1, tzinfo=UTC)
        ),
        {**CREDENTIAL, "api_key": "sw_k1_secret"},
        (
            "POST",
            "/api/v1/agents/a-1/credentials",
            {"label": "ci", "scopes": ["state.write"], "expires_at": "2027-01-01T00:00:00.000000Z"},
        ),
    ),
    (
        lambda c: c.agents.issue_credential("a-1"),
        CREDENTIAL,
        ("POST", "/api/v1/agents/a-1/credentials", {}),
    ),
    (
        lambda c: c.credentials.issue(label="laptop"),
        CREDENTIAL,
        ("POST", "/api/v1/credentials", {"label": "laptop"}),
    ),
    (
        lambda c: c.policies.rollback("p-1"),
        POLICY,
        ("POST", "/api/v1/policies/p-1/rollback", None),
    ),
    (lambda c: c.credentials.revoke("c-1"), None, ("DELETE", "/api/v1/credentials/c-1", None)),
    (
        lambda c: c.credentials.rotate("c-1", overlap_seconds=60),
        CREDENTIAL,
        ("POST", "/api/v1/credentials/c-1/rotation", {"overlap_seconds": 60}),
    ),
    (lambda c: c.policies.get("p/1"), POLICY, ("GET", "/api/v1/policies/p%2F1", None)),
    (
        lambda c: c.policies.activate("p-1", 1),
        POLICY,
        ("PUT", "/api/v1/policies/p-1/activation", {"version": 1}),
    ),
    (
        lambda c: c.policies.deactivate("p-1"),
        None,
        ("DELETE", "/api/v1/policies/p-1/activation", None),
    ),
    (
        lambda c: c.policies.validate("permit"),
        {"valid": False, "errors": [{"message": "no", "line": 1, "column": 2, "pointer": "/text"}]},
        ("POST", "/api/v1/policies/validation", {"text": "permit"}),
    ),
    (
        lambda c: c.decisions.explain(
            principal=("agent", "a-1"), action="state.write", resource=("entry", "n/k")
        ),
        {"outcome": "allow"},
        (
            "POST",
            "/api/v1/decisions/explanation",
            {
                "principal": {"type": "agent", "id": "a-1"},
                "action": "state.write",
                "resource": {"type": "entry", "id": "n/k"},
                "context": {},
            },
        ),
    ),
    (
        lambda c: c.decisions.evaluate(
            subject=("agent", "a-1"),
            action="state.write",
            resource=("entry", "n/k"),
            context={"x": 1},
        ),
        {"decision": True},
        (
            "POST",
            "/access/v1/evaluation",
            {
                "subject": {"type": "agent", "id": "a-1"},
                "action": {"name": "state.write"},
                "resource": {"type": "entry", "id": "n/k"},
                "context": {"x": 1},
            },
        ),
    ),
    (
        lambda c: c.decisions.evaluate_all(
            [question(subject=("agent", "a"), action="x", resource=("namespace", "n"))]
        ),
        {"evaluations": [{"decision": False, "context": {"reason": "no"}}]},
        (
            "POST",
            "/access/v1/evaluations",
            {
                "evaluations": [
                    {
                        "subject": {"type": "agent", "id": "a"},
                        "action": {"name": "x"},
                        "resource": {"type": "namespace", "id": "n"},
                    }
                ]
            },
        ),
    ),
    (
        lambda c: c.audit.record("r-1"),
        {"id": "r-1", "action": "x"},
        ("GET", "/api/v1/audit/records/r-1", None),
    ),
    (lambda c: c.audit.proof("r-1"), {}, ("GET", "/api/v1/audit/records/r-1/proof", None)),
    (lambda c: c.audit.checkpoint(), {}, ("GET", "/api/v1/audit/checkpoints/latest", None)),
    (
        lambda c: c.audit.consistency(from_size=1, to_size=2),
        {},
        ("GET", "/api/v1/audit/consistency?from=1&to=2", None),
    ),
    (lambda c: c.audit.keys(), {}, ("GET", "/api/v1/audit/keys", None)),
    (lambda c: c.audit.verifier(), {}, ("GET", "/api/v1/audit/verifier", None)),
    (lambda c: c.health.schema(), {"openapi": "3.1.0"}, ("GET", "/api/schema", None)),
]


def _client(handler: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("http://x.test", "sw_k", transport=httpx.MockTransport(handler), retry=QUIET)


@pytest.mark.parametrize(("call", "answer", "sent"), CALLS)
def test_calls_are_sent_as_the_contract_has_them(
    call: Callable[[Client], Any], answer: Any, sent: tuple[str, str, Any]
) -> None:
    recorder = Recorder(answer)

    with _client(recorder) as client:
        call(client)

    assert recorder.first == sent


@pytest.mark.parametrize(("call", "answer", "sent"), CALLS)
async def test_both_clients_send_the_same(
    call: Callable[[AsyncClient], Coroutine[Any, Any, Any]], answer: Any, sent: tuple[str, str, Any]
) -> None:
    recorder = Recorder(answer)

    async with AsyncClient(
        "http://x.test", "sw_k", transport=httpx.MockTransport(recorder)
    ) as client:
        await call(client)

    assert recorder.first == sent


LISTS: list[tuple[Callable[[Any], Any], dict[str, Any], str]] = [
    (lambda c: c.agents.list(page_size=5), AGENT, "/api/v1/agents?limit=5"),
    (lambda c: c.agents.credentials("a-1"), CREDENTIAL, "/api/v1/agents/a-1/credentials"),
    (lambda c: c.credentials.list(), CREDENTIAL, "/api/v1/credentials"),
    (lambda c: c.policies.list(), POLICY, "/api/v1/policies"),
    (lambda c: c.policies.versions("p-1"), {"version": 1}, "/api/v1/policies/p-1/versions"),
    (
        lambda c: c.audit.search(
            since=datetime(2026, 1, 1, tzinfo=UTC), in_run="r 1", actor="a", purpose="p"
        ),
        {"id": "r-1", "action": "x"},
        "/api/v1/audit/records?from=2026-01-01T00%3A00%3A00.000000Z&actor=a&run=r%201",
    ),
]


@pytest.mark.parametrize(("call", "item", "path"), LISTS)
def test_lists_ask_for_pages(call: Callable[[Client], Any], item: Any, path: str) -> None:
    recorder = Recorder({"items": [item], "next_cursor": None})

    with _client(recorder) as client:
        (found,) = call(client)

    assert found.raw == item
    assert recorder.first == ("GET", path, None)


@pytest.mark.parametrize(("call", "item", "path"), LISTS)
async def test_asynchronous_lists_do_too(
    call: Callable[[AsyncClient], Any], item: Any, path: str
) -> None:
    recorder = Recorder({"items": [item], "next_cursor": None})

    async with AsyncClient(
        "http://x.test", "sw_k", transport=httpx.MockTransport(recorder)
    ) as client:
        (found,) = [each async for each in call(client)]

    assert found.raw == item
    assert recorder.first == ("GET", path, None)


def test_a_new_key_is_given_and_not_printed() -> None:
    with _client(Recorder({**CREDENTIAL, "api_key": "sw_k1_secret"})) as client:
        issued = client.agents.issue_credential("a-1")

    assert issued.api_key == "sw_k1_secret"
    assert issued.scopes == ("state.write",)
    assert "secret" not in repr(issued)


def test_verdicts_can_be_asked_plainly() -> None:
    with _client(Recorder({"outcome": "deny_forbid", "determining": ["p@1"]})) as client:
        denied = client.decisions.explain(
            principal=("agent", "a"), action="x", resource=("tenant", "t")
        )
    with _client(
        Recorder({"valid": False, "errors": [{"message": "no", "line": 1, "column": 2}]})
    ) as client:
        invalid = client.policies.validate("x")
    with _client(Recorder({"evaluations": [{"decision": True}]})) as client:
        (evaluation,) = client.decisions.evaluate_all([])

    assert not denied
    assert not denied.allowed
    assert denied.determining == ("p@1",)
    assert not invalid
    assert str(invalid.errors[0]) == "line 1, column 2: no"
    assert evaluation


def test_a_fault_without_a_line_is_only_its_sentence() -> None:
    with _client(Recorder({"valid": False, "errors": [{"message": "too long"}]})) as client:
        assert str(client.policies.validate("x").errors[0]) == "too long"


def test_readiness_has_the_servers_time() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Date": "Sat, 21 Nov 2026 12:00:00 GMT"}
        return httpx.Response(200, json={"degraded": True}, headers=headers)

    with _client(answer) as client:
        ready = client.health.ready()

    assert (ready.ready, ready.degraded) == (True, True)
    assert ready.server_time == datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_server_that_is_not_ready_is_an_answer() -> None:
    recorder = Recorder({"database": "down"}, status=503)

    with _client(recorder) as client:
        ready = client.health.ready()

    assert (ready.ready, ready.raw) == (False, {"database": "down"})
    assert len(recorder.asked) == 1


@pytest.mark.parametrize("date", [{}, {"Date": "today"}])
def test_a_gateway_that_is_not_ready_is_an_error(date: dict[str, str]) -> None:
    busy, fine = (httpx.Response(status, content=b"x", headers=date) for status in (503, 200))
    with _client(lambda request: busy) as client, pytest.raises(Unavailable):
        client.health.ready()
    with _client(lambda request: fine) as client:
        assert client.health.ready().server_time is None


class Cut(httpx.SyncByteStream):
    """A body that breaks off."""

    def __iter__(self) -> Any:
        yield b"half"
        raise httpx.ReadError("cut")


def test_a_bundle_is_saved_whole(tmp_path: Path) -> None:
    answers = iter([httpx.Response(200, stream=Cut()), httpx.Response(200, content=b"whole\n")])

    with _client(lambda request: next(answers)) as client:
        saved = client.audit.bundle(tmp_path / "bundle.txt", namespace="notes")

    assert Path(saved.path).read_bytes() == b"whole\n"
    assert saved.size_bytes == 6
    assert saved.sha256 == "3661291e28107bb940142d346bdb3a86da68415ae7fe451374d403c6037b9fa5"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.txt"]


def test_half_a_bundle_leaves_nothing(tmp_path: Path) -> None:
    broken = _client(lambda request: httpx.Response(200, stream=Cut()))
    with broken as client, pytest.raises(ConnectionFailed):
        client.audit.bundle(tmp_path / "bundle.txt")

    assert list(tmp_path.iterdir()) == []


def test_a_refused_bundle_is_an_error(tmp_path: Path) -> None:
    refusing = _client(Recorder({"code": "unavailable"}, status=503))
    with refusing as client, pytest.raises(Unavailable):
        client.audit.bundle(tmp_path / "bundle.txt")


async def test_the_asynchronous_client_saves_bundles_too(tmp_path: Path) -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, content=b"whole\n")])
    transport = httpx.MockTransport(lambda request: next(answers))

    async with AsyncClient("http://x.test", "sw_k", transport=transport, retry=QUIET) as client:
        saved = await client.audit.bundle(tmp_path / "bundle.txt")

    assert saved.size_bytes == 6
