"""When the client sends again, and what it sends then."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from agents_bridge import (
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    Retry,
    TimedOut,
    TooManyRequests,
    Unavailable,
)
from agents_bridge._retry import is_worth_repeating, retry_after_seconds
from agents_bridge.testing import FakeServer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_the_pause_doubles_up_to_a_cap_and_is_a_random_share() -> None:
    retry = Retry(attempts=6, base_seconds=1.0, cap_seconds=3.0)

    pauses = [retry.pause(sent, chance=1.0) for sent in range(1, 7)]

    assert pauses == [1.0, 2.0, 3.0, 3.0, 3.0, None]
    assert retry.pause(1, chance=0.25) == 0.25


def test_a_wish_of_the_server_is_honoured_and_spread() -> None:
    assert Retry(base_seconds=1.0).pause(1, chance=0.5, retry_after=7.0) == 7.5


def test_a_server_that_asks_for_too_much_is_not_waited_for() -> None:
    assert Retry(patience_seconds=10.0).pause(1, chance=0.0, retry_after=11.0) is None


def test_a_call_is_sent_at_least_once() -> None:
    with pytest.raises(ValueError, match="at least once"):
        Retry(attempts=0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Sat, 21 Nov 2026 12:00:05 GMT", 5.0),
        ("Sat, 21 Nov 2026 12:00:05 -0000", 5.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": text}, NOW) == seconds


def test_no_retry_after_is_no_wish() -> None:
    assert retry_after_seconds({}, NOW) is None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_worth_repeating(status: int) -> None:
    assert is_worth_repeating(status, "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422, 423, 428, 500, 507])
def test_what_is_decided_is_not(status: int) -> None:
    assert not is_worth_repeating(status, "")


def test_one_write_keeps_its_key_through_all_tries(server: FakeServer, client: Client) -> None:
    server.requests.clear()
    server.fail(503, 502, httpx.ConnectError("refused"))

    client.entries.put("notes", "a", 1)
    client.entries.put("notes", "b", 1)

    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


def test_a_write_whose_answer_was_lost_happens_once(server: FakeServer, client: Client) -> None:
    lost = iter([True])

    def lose_the_first_answer(request: httpx.Request) -> httpx.Response:
        answer = server.transport.handle_request(request)
        if next(lost, False):
            raise httpx.ReadError("gone")
        return answer

    unlucky = Client(
        server.url,
        server.api_key,
        transport=httpx.MockTransport(lose_the_first_answer),
        retry=Retry(base_seconds=0.0),
    )
    with unlucky:
        entry = unlucky.entries.put("notes", "once", 1)

    assert entry.replayed
    assert [revision.version for revision in client.entries.history("notes", "once")] == [1]


async def test_the_asynchronous_client_tries_again_too(
    server: FakeServer, async_client: AsyncClient
) -> None:
    server.fail(503, httpx.ReadTimeout("slow"))

    entry = await async_client.entries.put("notes", "a", 1)

    assert entry.version == 1


def test_a_key_of_ones_own_is_sent(server: FakeServer, client: Client) -> None:
    first = client.entries.put("notes", "a", 1, idempotency_key="order-7")
    second = client.entries.put("notes", "a", 1, idempotency_key="order-7")

    assert (first.version, first.replayed) == (1, False)
    assert (second.version, second.replayed) == (1, True)


def test_reads_carry_no_key(server: FakeServer, client: Client) -> None:
    client.namespaces.get("notes")

    assert "idempotency-key" not in server.requests[-1].headers


def test_tries_end(server: FakeServer) -> None:
    server.fail(503, 503)
    retry = Retry(attempts=2, base_seconds=0.0)
    with server.client(retry=retry) as client, pytest.raises(Unavailable):
        client.namespaces.get("notes")

    assert len(server.requests) == 2


def test_a_wish_beyond_patience_is_raised_with_its_length(server: FakeServer) -> None:
    server.fail(429, retry_after=3600)
    with server.client() as client, pytest.raises(TooManyRequests) as caught:
        client.namespaces.get("notes")

    assert caught.value.retry_after == 3600


def test_a_refusal_is_not_repeated(server: FakeServer, client: Client) -> None:
    server.requests.clear()

    with pytest.raises(Conflict):
        client.namespaces.create("notes")

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectTimeout("slow"), TimedOut),
        (httpx.PoolTimeout("full"), TimedOut),
        (httpx.ConnectError("refused"), ConnectionFailed),
        (httpx.RemoteProtocolError("nonsense"), ConnectionFailed),
        (httpx.ReadError(""), ConnectionFailed),
    ],
)
def test_what_goes_wrong_on_the_way_is_in_the_tree(
    server: FakeServer, fault: httpx.HTTPError, kind: type[Exception]
) -> None:
    server.fail(fault)
    with server.client(retry=Retry(attempts=1)) as client, pytest.raises(kind) as caught:
        client.entries.get("notes", "secret-key", version=1)

    assert caught.value.__cause__ is fault
    assert "GET http://stateward.test/api/v1/namespaces" in str(caught.value)
