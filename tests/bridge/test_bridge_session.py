"""What every call carries, and what a client remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import PackageNotFoundError

import pytest

from agents_bridge import AsyncClient, Client, InvalidKey, NotConfigured, _client
from agents_bridge._session import Memory
from agents_bridge._wire import Response, key_segment, query_string, rfc3339
from agents_bridge.testing import FakeServer


def test_a_client_says_who_it_is_and_why(server: FakeServer) -> None:
    with server.client(
        purpose="refund", run="run-1", on_behalf_of="member:7", tenant="acme"
    ) as client:
        client.namespaces.create("notes")

    headers = server.requests[-1].headers
    assert headers["authorization"] == f"Bearer {server.api_key}"
    assert headers["stateward-purpose"] == "refund"
    assert headers["stateward-run"] == "run-1"
    assert headers["stateward-on-behalf-of"] == "member:7"
    assert headers["stateward-tenant"] == "acme"
    assert headers["user-agent"].startswith("stateward-bridge/")


def test_a_call_may_say_something_else(server: FakeServer) -> None:
    with server.client(purpose="refund", run="run-1") as client:
        client.namespaces.create("notes", purpose="audit", run=None)

    headers = server.requests[-1].headers
    assert headers["stateward-purpose"] == "audit"
    assert "stateward-run" not in headers


def test_a_derived_client_shares_connections_and_memory(server: FakeServer, client: Client) -> None:
    desk = client.with_options(purpose="desk")
    desk.entries.put("notes", "a", 1)

    assert server.requests[-1].headers["stateward-purpose"] == "desk"
    assert client.consistency_token == desk.consistency_token
    assert client.consistency_token is not None


async def test_a_derived_asynchronous_client_does_too(
    server: FakeServer, async_client: AsyncClient
) -> None:
    await async_client.with_options(purpose="desk").entries.put("notes", "a", 1)

    assert server.requests[-1].headers["stateward-purpose"] == "desk"
    assert async_client.consistency_token is not None


def test_words_in_other_letters_arrive(server: FakeServer, client: Client) -> None:
    client.entries.put("notes", "a", 1, purpose="Erstattung für 東京")

    sent = dict(server.requests[-1].headers.raw)
    assert sent[b"Stateward-Purpose"].decode() == "Erstattung für 東京"


def test_line_breaks_cannot_smuggle_headers(client: Client) -> None:
    with pytest.raises(ValueError, match="line breaks"):
        client.entries.put("notes", "a", 1, purpose="x\r\nStateward-Tenant: other")


def test_session_reads_send_what_was_written(server: FakeServer, client: Client) -> None:
    written = client.entries.put("notes", "a", 1)
    client.entries.get("notes", "a")
    strong = server.requests[-1].headers
    client.follow("from-another-agent")
    client.entries.get("notes", "a", consistency="session")
    session = server.requests[-1].headers
    client.entries.get("notes", "a", consistency="eventual")
    eventual = server.requests[-1].headers

    assert "stateward-consistency" not in strong
    assert session["stateward-consistency"] == "session"
    assert (
        session["stateward-consistency-token"] == f"{written.consistency_token},from-another-agent"
    )
    assert eventual["stateward-consistency"] == "eventual"
    assert "stateward-consistency-token" not in eventual


def test_session_reads_without_any_write_send_no_token(server: FakeServer) -> None:
    with server.client(consistency="session") as client:
        client.health.alive()

    assert "stateward-consistency-token" not in server.requests[-1].headers


def test_only_the_newest_tokens_are_kept() -> None:
    memory = Memory()
    for number in range(200):
        memory.remember_token(f"t{number}, t3")

    assert memory.token is not None
    kept = memory.token.split(",")
    assert (len(kept), kept[0], kept[-2:]) == (128, "t73", ["t199", "t3"])


def test_an_answer_replaces_what_was_known_when_it_was_asked_for() -> None:
    memory = Memory()
    memory.remember_token("a,b")
    known = memory.token
    memory.remember_token("c")  # of a call beside it
    memory.remember_token("d", instead_of=known)

    assert memory.token == "c,d"


def test_a_session_keeps_its_own_tokens_and_asks_for_them(
    server: FakeServer, client: Client
) -> None:
    client.entries.put("notes", "a", 1)
    desk = client.begin_session()
    desk.entries.get("notes", "a")
    first = server.requests[-1].headers
    written = desk.entries.put("notes", "a", 2)
    desk.entries.get("notes", "a")
    second = server.requests[-1].headers
    desk.entries.get("notes", "a", consistency="strong")

    assert first["stateward-consistency"] == "session"
    assert "stateward-consistency-token" not in first
    assert second["stateward-consistency-token"] == written.consistency_token
    assert server.requests[-1].headers["stateward-consistency"] == "strong"
    assert desk.consistency_token != client.consistency_token


async def test_a_session_goes_on_from_what_another_agent_hands_on(
    server: FakeServer, async_client: AsyncClient
) -> None:
    written = await async_client.entries.put("notes", "a", 1)
    other = async_client.begin_session(written.consistency_token)

    await other.entries.get("notes", "a")

    sent = server.requests[-1].headers["stateward-consistency-token"]
    assert sent == written.consistency_token


def test_an_unchanged_entry_is_not_sent_twice(server: FakeServer) -> None:
    with server.client(cached_entries=2) as client:
        client.namespaces.create("notes")
        client.entries.put("notes", "a", {"n": [1]})
        first = client.entries.get("notes", "a")
        first.value["n"].append(2)
        again = client.entries.get("notes", "a")
        client.entries.put("notes", "a", {"n": []})
        changed = client.entries.get("notes", "a")

    asked = [
        request.headers.get("if-none-match")
        for request in server.requests
        if request.method == "GET"
    ]
    assert asked == [None, '"1"', '"1"']
    assert (again.value, changed.value) == ({"n": [1]}, {"n": []})


def test_the_cache_forgets_what_was_not_used_for_longest() -> None:
    memory = Memory(cached_entries=2)
    answer = Response(200, {"etag": '"1"'}, b"{}")
    for path in ("a", "b"):
        memory.remember_answer(path, answer)
    memory.answer("a")
    memory.remember_answer("c", answer)
    memory.remember_answer("d", Response(200, {}, b"{}"))

    assert [memory.answer(path) is not None for path in "abcd"] == [True, False, True, False]


@pytest.mark.parametrize("key", ["", ".", "..", "a/b", "a\nb", "a\x7f", "x" * 513, "\ud800"])
def test_what_cannot_be_a_key_is_not_sent(server: FakeServer, client: Client, key: str) -> None:
    before = len(server.requests)

    with pytest.raises(InvalidKey) as caught:
        client.entries.get("notes", key)

    assert isinstance(caught.value, ValueError)
    assert len(server.requests) == before


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_what_would_change_the_path_is_no_namespace(client: Client, name: str) -> None:
    with pytest.raises(InvalidKey):
        client.namespaces.get(name)


@pytest.mark.parametrize(
    "key", ["a b", "100%", "a?b#c", "ключ", "😀", "a+b", "..a", "%2F", "a;b=c"]
)
def test_any_other_key_arrives_as_it_is(client: Client, key: str) -> None:
    client.entries.put("notes", key, 1)

    assert client.entries.get("notes", key).key == key
    assert [entry.key for entry in client.entries.list("notes", prefix=key)] == [key]


def test_keys_are_encoded_whole() -> None:
    assert key_segment("a b/".strip("/") + "?%") == "a%20b%3F%25"


def test_times_are_sent_in_utc() -> None:
    east = timezone(timedelta(hours=2))

    assert rfc3339(datetime(2026, 1, 2, 3, 4, 5, 6, east)) == "2026-01-02T01:04:05.000006Z"
    with pytest.raises(ValueError, match="time zone"):
        rfc3339(datetime(2026, 1, 2))


def test_parameters_that_are_none_are_left_out() -> None:
    asked = {
        "a": None,
        "b": True,
        "c": False,
        "d": [1, 2],
        "e": "x&y",
        "f": datetime(2026, 1, 1, tzinfo=UTC),
    }

    assert (
        query_string(asked) == "?b=true&c=false&d=1&d=2&e=x%26y&f=2026-01-01T00%3A00%3A00.000000Z"
    )
    assert query_string({"a": None}) == ""


@pytest.mark.parametrize("url", ["somewhere", "ftp://x", "http://", "http://x?y", "http://x#y"])
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(NotConfigured, match="not an address"):
        Client(url, "sw_key")


def test_a_client_shows_its_address_and_no_key() -> None:
    client = Client("http://stateward.test/", "sw_secret")

    assert repr(client) == "Client('http://stateward.test')"
    client.close()


async def test_so_does_the_asynchronous_one() -> None:
    client = AsyncClient("http://stateward.test/", "sw_secret")

    assert repr(client) == "AsyncClient('http://stateward.test')"
    await client.close()


def test_an_installed_bridge_says_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "version", lambda name: "9.9")

    assert _client._user_agent().startswith("stateward-bridge/9.9 ")


def test_one_from_a_checkout_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_client, "version", nothing)

    assert _client._user_agent().startswith("stateward-bridge/0 ")


def test_values_that_json_does_not_have_are_refused_here(client: Client) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        client.entries.put("notes", "a", float("nan"))


def test_timeouts_are_set_by_default_and_by_call(server: FakeServer, client: Client) -> None:
    client.namespaces.get("notes")
    client.namespaces.get("notes", timeout=2.0)
    client.namespaces.get("notes", timeout=None)

    default, short, none = (request.extensions["timeout"] for request in server.requests[-3:])
    assert (default["read"], default["connect"]) == (30.0, 5.0)
    assert (short["read"], short["connect"]) == (2.0, 2.0)
    assert (none["read"], none["connect"]) == (None, 5.0)
