"""Rate limits, quotas, bounds and analytics, over HTTP and through the client."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from agents_bridge import AsyncClient, Client, RateLimit, Retry, StorageFull, TooManyRequests
from tests.contract.parties import Enter, Party, caller, make_namespace
from tests.e2e.shared_stack import SharedStack

SLOW = {"requests_per_second": 0.01, "burst": 4}
KNOWN_SECONDS = 0.9  # as long a process goes on with what it knows of a caller


@pytest.fixture
def limited(enter: Enter, admin: httpx.Client, namespace: str) -> Party:
    """Who may call four times, and then not for a long time."""
    party = enter("writer")
    key = admin.get(f"/agents/{party.id}/credentials").json()["items"][0]["id"]
    answer = admin.put(f"/credentials/{key}/rate-limit", json=SLOW)
    assert answer.json() == SLOW
    time.sleep(KNOWN_SECONDS)
    return party


def test_without_configuration_there_is_no_limit(http: httpx.Client, namespace: str) -> None:
    for path in ("/namespaces", f"/namespaces/{namespace}/entries"):
        answer = http.get(path)
        assert answer.status_code == 200
        assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)


def test_both_planes_hold_one_limit_and_tell_of_it(limited: Party, namespace: str) -> None:
    path = f"/namespaces/{namespace}/entries/k"

    answers = [
        limited.http.put(path, json={"value": 1}),
        limited.http.get(path),
        limited.http.get("/namespaces"),
        limited.http.get(path),
        limited.http.get(path),
        limited.http.get("/namespaces"),
    ]

    assert [one.status_code for one in answers] == [201, 200, 200, 200, 429, 429]
    assert {one.headers["ratelimit-policy"] for one in answers} == {'"credential";q=4;w=400'}
    left = [one.headers["ratelimit"].split(";")[1] for one in answers]
    assert left == ["r=3", "r=2", "r=1", "r=0", "r=0", "r=0"]
    for refused in answers[4:]:
        problem = refused.json()
        assert refused.headers["content-type"] == "application/problem+json"
        assert problem["code"] == "rate_limited"
        assert 1 <= problem["retry_after_seconds"] <= 100
        assert refused.headers["retry-after"] == str(problem["retry_after_seconds"])


def test_the_client_tells_where_it_stands(
    limited: Party, running_stack: SharedStack, namespace: str
) -> None:
    with Client(running_stack.url, limited.api_key, retry=Retry(attempts=1)) as client:
        before = client.rate_limits
        client.namespaces.get(namespace)
        stands = client.rate_limits
        for _ in range(3):
            client.namespaces.get(namespace)
        with pytest.raises(TooManyRequests) as refused:
            client.namespaces.get(namespace)

    assert before == {}
    assert stands == {"credential": RateLimit("credential", 4, 400, 3, 100)}
    assert refused.value.retry_after is not None
    assert refused.value.code == "rate_limited"


def test_a_quota_refuses_and_lets_delete(
    builder: Party, running_stack: SharedStack, http: httpx.Client
) -> None:
    name = make_namespace(http)
    with Client(running_stack.url, builder.api_key) as client:
        set_to = client.namespaces.set_quota(name, entries=1)
        client.entries.put(name, "a", 1)
        with pytest.raises(StorageFull) as refused:
            client.entries.put(name, "b", 1)
        client.entries.put(name, "a", 2)
        client.entries.delete(name, "a")
        client.entries.put(name, "b", 1)
        used = client.namespaces.quota(name)["used"]

    assert (set_to["entries"], set_to["bytes"]) == (1, None)
    assert (refused.value.status, refused.value.code) == (507, "quota_exceeded")
    assert refused.value.problem["limit"] == 1
    assert (
        used["entries"] <= 1
    )  # the console has heard of the data plane's last two seconds, or not


def test_the_days_writes(http: httpx.Client) -> None:
    name = make_namespace(http)
    assert http.put(f"/namespaces/{name}/quota", json={"writes_per_day": 1}).status_code == 200
    path = f"/namespaces/{name}/entries/a"
    first, second = (http.put(path, json={"value": n}) for n in (1, 2))
    transaction = http.post(
        f"/namespaces/{name}/transactions",
        json={"operations": [{"op": "put", "key": "b", "value": 1}]},
    )

    assert (first.status_code, second.status_code, transaction.status_code) == (201, 429, 429)
    assert second.json()["code"] == "daily_quota_exceeded"
    assert int(second.headers["retry-after"]) >= 1
    assert transaction.json()["errors"][0]["pointer"].startswith("/operations/0")


def test_bounds_and_analytics_through_both_clients(
    builder: Party, running_stack: SharedStack, http: httpx.Client
) -> None:
    name = make_namespace(http)

    async def use() -> tuple[dict[str, Any], dict[str, Any]]:
        async with AsyncClient(running_stack.url, builder.api_key) as client:
            await client.namespaces.set_bounds(name, compress_over_bytes=1000)
            bounds = await client.namespaces.bounds(name)
            return bounds, await client.namespaces.analytics(name, days=7)

    bounds, analytics = asyncio.run(use())
    with Client(running_stack.url, builder.api_key) as client:
        text = "again and again " * 500
        client.entries.put(name, "large", text)
        assert client.entries.get(name, "large").value == text
        assert client.namespaces.bounds(name)["compress_over_bytes"] == 1000

    assert (bounds["compress_over_bytes"], bounds["done"]["cold_revisions"]) == (1000, 0)
    assert (len(analytics["days"]), analytics["hottest"]) == (7, [])
    refused = http.put(f"/namespaces/{name}/bounds", json={"keep_revisions": 1})
    assert refused.status_code == 403  # history is not a builder's to give up


def test_limits_are_for_who_may_set_them(enter: Enter, running_stack: SharedStack) -> None:
    writer = enter("writer")

    assert writer.http.put("/tenant/rate-limit", json=SLOW).status_code == 403
    with caller(running_stack.url, None) as nobody:
        assert nobody.get("/tenant/rate-limit").status_code == 401
