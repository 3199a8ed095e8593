"""The server in memory is as strict as the real one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from agents_bridge import (
    Client,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    Malformed,
    NotFound,
    PreconditionFailed,
    ServerError,
    Unauthenticated,
    Unprocessable,
)
from agents_bridge.testing import FakeServer

JSON = {"content-type": "application/json"}


@pytest.fixture
def http(server: FakeServer, client: Client) -> httpx.Client:
    """A bare HTTP client: for what the bridge itself would never send."""
    return httpx.Client(
        base_url=f"{server.url}/api/v1",
        transport=server.transport,
        headers={"Authorization": f"Bearer {server.api_key}"},
    )


def test_an_expired_entry_is_not_there(client: Client, clock: Any) -> None:
    client.entries.put("notes", "a", 1, ttl_seconds=10)
    clock.advance(10)

    with pytest.raises(NotFound):
        client.entries.get("notes", "a")
    assert list(client.entries.list("notes")) == []
    again = client.entries.put("notes", "a", 2, if_none_match="*")
    assert (again.version, again.created, again.expires_at) == (2, True, None)


def test_a_namespace_may_give_all_entries_a_time_to_live(client: Client, clock: Any) -> None:
    client.namespaces.create("brief", default_ttl_seconds=5)
    written = client.entries.put("brief", "a", 1)

    assert written.expires_at == clock.advance(5)
    with pytest.raises(NotFound):
        client.entries.get("brief", "a")


def test_the_past_of_a_deleted_entry_stays(client: Client, clock: Any) -> None:
    client.entries.put("notes", "a", 1)
    there = clock.now
    gone = clock.advance(1)
    client.entries.delete("notes", "a")

    assert client.entries.get("notes", "a", as_of=there).value == 1
    with pytest.raises(NotFound):
        client.entries.get("notes", "a", as_of=gone)
    with pytest.raises(NotFound):
        client.entries.get("notes", "a", version=2)
    with pytest.raises(NotFound):
        client.entries.delete("notes", "a")


def test_a_deleted_namespace_takes_everything_along(client: Client) -> None:
    client.entries.put("notes", "a", 1)
    client.entries.delete("notes", "a")
    client.namespaces.delete("notes")
    client.namespaces.create("notes")

    assert client.entries.put("notes", "a", 1).version == 1


def test_labels_filter(client: Client) -> None:
    client.entries.put("notes", "a", 1, labels={"team": "desk"})
    client.entries.put("notes", "b", 1, labels={"team": "crew"})

    assert [each.key for each in client.entries.list("notes", label="team:desk")] == ["a"]
    with pytest.raises(Malformed):
        list(client.entries.list("notes", label="team"))


def test_a_wrong_key_is_refused(server: FakeServer) -> None:
    with Client(server.url, "sw_wrong", transport=server.transport) as client:
        assert client.health.ready().ready
        with pytest.raises(Unauthenticated):
            client.namespaces.get("notes")


def test_what_is_forbidden_says_so_and_is_recorded(server: FakeServer, client: Client) -> None:
    client.entries.put("notes", "a", 1)
    server.forbid(method="PUT", namespace="notes", key="a")

    with pytest.raises(Forbidden) as caught:
        client.entries.put("notes", "a", 2)
    client.entries.put("notes", "b", 2)

    assert caught.value.reason == "deny_forbid"
    assert caught.value.decision_id is not None
    assert client.audit.record(caught.value.decision_id).outcome == "deny_forbid"
    assert client.entries.get("notes", "a").value == 1


def test_forbidding_a_namespace_spares_the_rest(server: FakeServer, client: Client) -> None:
    server.forbid(namespace="notes")

    with pytest.raises(Forbidden):
        client.namespaces.get("notes")
    assert client.health.alive()
    assert [each.name for each in client.namespaces.list()] == ["notes"]


def test_one_idempotency_key_is_one_request(client: Client) -> None:
    client.entries.put("notes", "a", 1, idempotency_key="k")

    with pytest.raises(IdempotencyKeyReused):
        client.entries.put("notes", "a", 2, idempotency_key="k")


def test_a_kept_refusal_is_repeated(client: Client) -> None:
    with pytest.raises(PreconditionFailed):
        client.entries.put("notes", "a", 1, if_match=5, idempotency_key="k")
    client.entries.put("notes", "b", 1)

    with pytest.raises(PreconditionFailed):
        client.entries.put("notes", "a", 1, if_match=5, idempotency_key="k")


def test_other_refusals_are_decided_anew(client: Client) -> None:
    with pytest.raises(NotFound):
        client.entries.put("later", "a", 1, idempotency_key="k")
    client.namespaces.create("later")

    assert not client.entries.put("later", "a", 1, idempotency_key="k").replayed


def test_what_it_does_not_have_it_says(client: Client) -> None:
    with pytest.raises(ServerError) as caught:
        client.audit.checkpoint()

    assert (caught.value.status, caught.value.code) == (501, "not_in_the_fake")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"value":NaN}',
        b'{"value":1,"value":2}',
        b"{}",
        b'{"value":1,"x":2}',
    ],
)
def test_bodies_that_are_wrong_are_400(http: httpx.Client, content: bytes) -> None:
    answer = http.put("/namespaces/notes/entries/a", content=content, headers=JSON)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "pointer" in answer.json()["errors"][0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/namespaces/notes/entries/a?version=x", 400),
        ("/namespaces/notes/entries/a?as_of=x", 400),
        ("/namespaces/notes/entries/a?version=1&as_of=2026-01-01T00:00:00Z", 400),
        ("/namespaces/notes/entries?limit=0", 400),
        ("/namespaces/notes/entries?limit=1001", 400),
        ("/namespaces/notes/entries?cursor=!", 400),
        ("/namespaces/notes/entries/..%2f", 400),
        ("/namespaces/notes/entries/a/diff?from=1", 400),
        ("/namespaces/notes/entries/a/revisions", 404),
        ("/namespaces/other/entries", 404),
        ("/policies/p-1", 404),
        ("/audit/records/r-1", 404),
    ],
)
def test_questions_that_are_wrong_are_refused(http: httpx.Client, path: str, status: int) -> None:
    assert http.get(path).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("PUT", "/namespaces", JSON, b"{}", 405),
        ("POST", "/namespaces", JSON, b'{"name":"Not A Name"}', 422),
        ("POST", "/namespaces", JSON, b'{"name":"x","scope":"all"}', 422),
        ("PUT", "/namespaces/notes/entries/a", JSON, b'{"value":1,"ttl_seconds":0}', 422),
        ("PUT", "/namespaces/notes/entries/a", {**JSON, "if-match": "1"}, b'{"value":1}', 400),
        ("PATCH", "/namespaces/notes/entries/a", JSON, b"{}", 415),
        ("PUT", "/policies/p-1/activation", JSON, b'{"version":1}', 404),
    ],
)
def test_changes_that_are_wrong_are_refused(
    http: httpx.Client, method: str, path: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    assert http.request(method, path, headers=headers, content=content).status_code == status


def test_policies_are_kept_with_their_versions(client: Client) -> None:
    policy = client.policies.create("night", "permit (principal, action, resource);")
    client.policies.add_version(policy.id, "forbid (principal, action, resource) when { true };")

    assert client.policies.activate(policy.id, 2).active_version == 2
    assert [each.version for each in client.policies.versions(policy.id)] == [2, 1]
    client.policies.deactivate(policy.id)
    assert client.policies.get(policy.id).active_version is None
    with pytest.raises(Unprocessable):
        client.policies.activate(policy.id, 3)


@pytest.mark.parametrize("text", ["permit (principal)", "hello ();", "forbid () when { true }"])
def test_what_is_plainly_no_policy_is_refused(client: Client, text: str) -> None:
    assert not client.policies.validate(text)
    with pytest.raises(Unprocessable):
        client.policies.create("x", text)


def test_the_audit_can_be_searched(client: Client, clock: Any) -> None:
    client.entries.put("notes", "a", 1)
    later = clock.advance(60)
    client.entries.put("notes", "b", 1)

    assert [each.resource["key"] for each in client.audit.search(action="state.write")] == [
        "b",
        "a",
    ]
    assert [each.resource["key"] for each in client.audit.search(since=later)] == ["b"]
    assert [each.resource["key"] for each in client.audit.search(until=later)] == ["a", None]
    assert list(client.audit.search(actor="nobody")) == []
    assert len(list(client.audit.search(actor="tester", page_size=1))) == 3


def test_a_failed_patch_changes_nothing(client: Client) -> None:
    client.entries.put("notes", "a", {"n": 1})

    with pytest.raises(Conflict):
        client.entries.json_patch("notes", "a", [{"op": "test", "path": "/n", "value": 2}])
    with pytest.raises(Unprocessable):
        client.entries.json_patch("notes", "a", [{"op": "remove", "path": "/m"}])
    assert client.entries.get("notes", "a").version == 1


def test_the_time_is_its_own_unless_given() -> None:
    server = FakeServer()
    with server.client() as client:
        client.namespaces.create("notes")
        assert client.health.ready().server_time is not None
