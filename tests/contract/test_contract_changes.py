"""The feed's lines of the contract, over HTTP and through both clients, on the running product."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from agents_bridge import AsyncClient, Change, Client
from tests.contract.parties import Party, caller
from tests.e2e.shared_stack import SharedStack


def present(http: httpx.Client) -> str:
    answer = http.get("/changes", params={"after": "now"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"] == []
    return str(answer.json()["next_cursor"])


def put(http: httpx.Client, namespace: str, key: str, value: Any) -> None:
    answer = http.put(f"/namespaces/{namespace}/entries/{key}", json={"value": value})
    assert answer.status_code in {200, 201}, answer.text


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The changes of a stream."""
    identity = ""
    kind = "message"
    for line in answer.iter_lines():
        name, _, text = line.partition(": ")
        if name == "id":
            identity = text
        elif name == "event":
            kind = text
        elif name == "data":
            document = json.loads(text)
            if kind == "message":
                assert document["cursor"] == identity
                yield document
        elif not line:
            kind = "message"


def test_a_page_has_what_was_written_before_it_was_asked_for(
    http: httpx.Client, namespace: str, builder: Party
) -> None:
    start = present(http)
    put(http, namespace, "a", 1)
    put(http, namespace, "a", {"n": 2})
    http.delete(f"/namespaces/{namespace}/entries/a")

    page = http.get("/changes", params={"after": start, "namespace": namespace}).json()

    told = [(item["key"], item["operation"], item["version"]) for item in page["items"]]
    assert told == [("a", "put", 1), ("a", "put", 2), ("a", "delete", 3)]
    first = page["items"][0]
    assert first.keys() == {
        "cursor", "namespace", "key", "operation", "version", "actor", "at", "more",
    }  # fmt: skip
    assert first["actor"] == {"type": "agent", "id": builder.id, "name": builder.name}
    assert re.fullmatch(r"[A-Za-z0-9_-]+", first["cursor"])
    assert page["caught_up"]
    empty = http.get("/changes", params={"after": page["next_cursor"], "namespace": namespace})
    assert (empty.json()["items"], empty.json()["next_cursor"] != "") == ([], True)


def test_values_come_as_they_are_or_as_patches(http: httpx.Client, namespace: str) -> None:
    start = present(http)
    put(http, namespace, "a", {"x": 1, "big": 2**70})
    put(http, namespace, "a", {"x": 2, "big": 2**70})
    query = {"after": start, "namespace": namespace}

    full = http.get("/changes", params=query | {"values": "full"}).json()["items"]
    patch = http.get("/changes", params=query | {"values": "patch"}).json()["items"]

    assert [item["value"] for item in full] == [{"x": n, "big": 2**70} for n in (1, 2)]
    assert patch[0]["patch"] == [{"op": "replace", "path": "", "value": {"x": 1, "big": 2**70}}]
    assert patch[1]["patch"] == [{"op": "replace", "path": "/x", "value": 2}]


def test_a_transaction_is_in_one_piece(http: httpx.Client, namespace: str) -> None:
    start = present(http)
    operations = [{"op": "put", "key": f"k{number}", "value": number} for number in range(5)]
    answer = http.post(f"/namespaces/{namespace}/transactions", json={"operations": operations})
    assert answer.status_code == 200, answer.text

    items = http.get("/changes", params={"after": start, "namespace": namespace}).json()["items"]

    assert [item["more"] for item in items] == [True, True, True, True, False]


def test_a_stream_begins_goes_on_and_is_taken_up_again(
    running_stack: SharedStack, http: httpx.Client, namespace: str, builder: Party
) -> None:
    start = present(http)
    put(http, namespace, "a", 1)
    stream = {"Accept": "text/event-stream"}
    query = {"namespace": namespace, "after": start, "values": "full"}
    with caller(running_stack.url, builder.api_key) as following:
        with following.stream("GET", "/changes", params=query, headers=stream) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            told = events(answer)
            first = next(told)
            put(http, namespace, "b", 2)
            second = next(told)
        put(http, namespace, "c", 3)
        headers = stream | {"Last-Event-ID": second["cursor"]}
        with following.stream("GET", "/changes", params=query, headers=headers) as answer:
            third = next(events(answer))

    assert [one["key"] for one in (first, second, third)] == ["a", "b", "c"]
    assert third["value"] == 3


def test_refusals_are_problem_documents(http: httpx.Client) -> None:
    for query, status in (
        ({"after": "zzz"}, 400),
        ({"limit": "1001"}, 400),
        ({"values": "some"}, 400),
        ({"namespace": "contract.nowhere"}, 404),
        ({"after": "WzAsMSxudWxsLG51bGxd"}, 410),
    ):
        answer = http.get("/changes", params=query)
        assert answer.status_code == status, (query, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert http.post("/changes", json={}).status_code == 405
    assert "oldest_cursor" in answer.json()


def test_both_clients_watch(running_stack: SharedStack, namespace: str, builder: Party) -> None:
    with Client(running_stack.url, builder.api_key) as client:
        start = client.changes.page(after="now").next_cursor
        client.entries.put(namespace, "a", 1)
        with client.changes.watch(namespace=namespace, after=start, values="full") as changes:
            first = next(changes)
            client.entries.put(namespace, "b", 2)
            second = next(changes)
        listed = list(client.changes.list(namespace=namespace, after=start))

    async def follow() -> list[Change]:
        async with AsyncClient(running_stack.url, builder.api_key) as other:
            found = []
            async with other.changes.watch(namespace=namespace, after=start) as watched:
                async for change in watched:
                    found.append(change)
                    if len(found) == 2:
                        break
            return found

    assert [(one.key, one.value) for one in (first, second)] == [("a", 1), ("b", 2)]
    assert [one.cursor for one in listed] == [first.cursor, second.cursor]
    assert [one.cursor for one in asyncio.run(follow())] == [first.cursor, second.cursor]
