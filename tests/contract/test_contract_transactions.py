"""Transactions and reads of many keys: what api.md promises, over HTTP and through the client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agents_bridge import AsyncClient, Client, PreconditionFailed, Transaction
from tests.contract.parties import Party, caller, make_namespace
from tests.contract.problems import refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


@pytest.fixture
def client(running_stack: SharedStack, builder: Party) -> Iterator[Client]:
    with Client(running_stack.url, builder.api_key) as client:
        yield client


def transact(http: httpx.Client, namespace: str, *operations: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"operations": operations}
    return http.post(f"/namespaces/{namespace}/transactions", json=body, headers=named)


def test_operations_of_every_kind_happen_together(http: httpx.Client, namespace: str) -> None:
    sums = make_namespace(http, concurrency="reducer", reducer={"name": "add"})
    entries = f"/namespaces/{namespace}/entries"
    for key in ("patched", "deleted", "checked"):
        http.put(f"{entries}/{key}", json={"value": {"n": 1}})

    answer = transact(
        http,
        namespace,
        {"op": "put", "key": "put", "value": 1, "labels": {"a": "b"}, "ttl_seconds": 60,
         "note": "why", "if_absent": True},
        {"op": "patch", "key": "patched", "json_patch": [
            {"op": "replace", "path": "/n", "value": 2}], "if_version": 1},
        {"op": "delete", "key": "deleted"},
        {"op": "action", "namespace": sums, "key": "sum", "type": "add", "payload": 5},
        {"op": "check", "key": "checked", "if_version": 1},
    )  # fmt: skip

    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["op"] for result in results] == ["put", "patch", "delete", "action", "check"]
    assert [result["status"] for result in results] == [201, 200, 204, 200, 200]
    assert [result["version"] for result in results] == [1, 2, 2, 1, 1]
    assert results[3]["value"] == 5
    assert len({result["updated_at"] for result in results if "updated_at" in result}) == 1
    assert answer.headers["stateward-consistency-token"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_failed_check_is_412_and_says_which(http: httpx.Client, namespace: str) -> None:
    http.put(f"/namespaces/{namespace}/entries/a", json={"value": 1})

    for operation in (
        {"op": "check", "key": "a", "if_version": 7},
        {"op": "check", "key": "a", "if_absent": True},
        {"op": "put", "key": "a", "value": 2, "if_version": 7},
    ):
        answer = transact(http, namespace, {"op": "put", "key": "b", "value": 1}, operation)

        problem = refused(answer, 412, "precondition_failed")
        assert problem["current_version"] == 1
        assert [fault["pointer"] for fault in problem["errors"]] == ["/operations/1"]
    assert http.get(f"/namespaces/{namespace}/entries/b").status_code == 404


def test_a_404_names_the_operation_and_nothing_else(http: httpx.Client, namespace: str) -> None:
    """The same for what is not there and for what one may not know of."""
    other = make_namespace(http)

    problems = [
        transact(http, namespace, {"op": "put", "key": "a", "value": 1}, second).json()
        for second in (
            {"op": "delete", "key": "never"},
            {"op": "put", "key": "a", "namespace": "never.was", "value": 1},
            {"op": "patch", "namespace": other, "key": "never", "merge_patch": {}},
        )
    ]

    for problem in problems:
        del problem["instance"]
    assert problems[0] == problems[1] == problems[2]
    assert problems[0]["errors"][0]["pointer"] == "/operations/1"
    assert "never" not in str(problems[0])


def test_a_denied_operation_denies_all(reader: Party, http: httpx.Client, namespace: str) -> None:
    answer = transact(reader.http, namespace, {"op": "put", "key": "a", "value": 1})

    problem = refused(answer, 403, "forbidden")
    assert problem["errors"][0]["pointer"] == "/operations/0"
    assert problem["decision_id"]


def test_a_repeat_of_a_transaction_changes_nothing(http: httpx.Client, namespace: str) -> None:
    operations = [{"op": "put", "key": key, "value": key} for key in "ab"]

    first = transact(http, namespace, *operations, idempotency_key=namespace)
    again = transact(http, namespace, *operations, idempotency_key=namespace)
    other = transact(http, namespace, *operations[:1], idempotency_key=namespace)

    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    refused(other, 422, "idempotency_key_reused")


def test_a_leased_key_needs_its_token_in_the_operation(http: httpx.Client, namespace: str) -> None:
    lease = http.post(f"/namespaces/{namespace}/leases", json={"key": "a", "ttl_seconds": 60})
    token = lease.json()["fencing_token"]
    put = {"op": "put", "key": "a", "value": 1}

    without = transact(http, namespace, {"op": "put", "key": "b", "value": 1}, put)
    wrong = transact(http, namespace, {**put, "fencing_token": token + 1})
    right = transact(http, namespace, {**put, "fencing_token": token})

    assert refused(without, 423, "leased")["errors"][0]["pointer"] == "/operations/1"
    refused(wrong, 412, "stale_fencing_token")
    assert right.status_code == 200


def test_a_transaction_has_at_most_a_thousand_operations(
    http: httpx.Client, namespace: str
) -> None:
    operations = [{"op": "put", "key": f"k{n}", "value": n} for n in range(1001)]

    assert transact(http, namespace, *operations[:1000]).status_code == 200
    refused(transact(http, namespace, *operations), 422, "unprocessable")
    refused(transact(http, namespace), 422, "unprocessable")
    refused(transact(http, namespace, operations[0], operations[0]), 422, "repeated_key")


def test_a_transaction_has_one_time_in_the_past_too(http: httpx.Client, namespace: str) -> None:
    first = transact(http, namespace, *({"op": "put", "key": k, "value": 1} for k in "ab"))
    transact(http, namespace, *({"op": "put", "key": k, "value": 2} for k in "ab"))
    moment = first.json()["results"][0]["updated_at"]

    for key in "ab":
        then = http.get(f"/namespaces/{namespace}/entries/{key}", params={"as_of": moment})
        assert then.json()["value"] == 1


def test_many_keys_are_read_in_one_call(
    http: httpx.Client, running_stack: SharedStack, namespace: str
) -> None:
    transact(http, namespace, *({"op": "put", "key": f"k{n}", "value": n} for n in range(5)))
    path = f"/namespaces/{namespace}/reads"

    answer = http.post(path, json={"keys": ["k4", "none", {"namespace": namespace, "key": "k0"}]})
    bare = http.post(path, json={"keys": ["k1"], "values": False})
    with caller(running_stack.url, running_stack.stranger) as outside:
        stranger = outside.post(path, json={"keys": ["k1"]})

    assert [entry["value"] for entry in answer.json()["items"]] == [4, 0]
    assert "value" not in bare.json()["items"][0]
    assert (stranger.status_code, stranger.json()) == (200, {"items": []})
    refused(http.post(path, json={"keys": []}), 422, "unprocessable")
    refused(http.post(path, json={"keys": ["a", "a"]}), 422, "repeated_key")
    refused(http.get(path), 405, "method_not_allowed")


def test_the_client_does_the_same(client: Client, namespace: str) -> None:
    done = client.transactions.commit(
        Transaction(namespace)
        .put("a", {"n": 1})
        .put("b", 2, labels={"x": "y"})
        .check("c", if_absent=True)
    )
    with pytest.raises(PreconditionFailed) as failed:
        client.transactions.commit(Transaction(namespace).delete("a").check("b", if_match=9))

    assert [(result.status, result.version) for result in done.results] == [
        (201, 1), (201, 1), (200, None),
    ]  # fmt: skip
    assert failed.value.errors[0].pointer == "/operations/1"
    found = client.entries.get_many(namespace, ["b", "c", "a"])
    assert [(key, entry.value) for key, entry in found.items()] == [("b", 2), ("a", {"n": 1})]


async def test_the_asynchronous_client_does_the_same(
    running_stack: SharedStack, builder: Party, namespace: str
) -> None:
    async with AsyncClient(running_stack.url, builder.api_key) as client:
        done = await client.transactions.commit(Transaction(namespace).put("a", 1).put("b", 2))
        client.follow(done.consistency_token or "")
        found = await client.entries.get_many(namespace, ["a", "b"], consistency="session")

    assert [entry.value for entry in found.values()] == [1, 2]
