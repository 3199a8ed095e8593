"""Transactions and reads of many keys through both clients, against the server in memory."""

from __future__ import annotations

import json

import pytest

from agents_bridge import AsyncClient, Client, InvalidKey, PreconditionFailed, Transaction
from agents_bridge.testing import FakeServer


def test_all_or_none(client: Client) -> None:
    client.entries.put("notes", "a", 1)
    wrong = Transaction("notes").put("b", 1).check("a", if_match=2)

    with pytest.raises(PreconditionFailed) as refused:
        client.transactions.commit(wrong)

    assert refused.value.errors[0].pointer == "/operations/1"
    assert refused.value.current_version == 1
    assert [entry.key for entry in client.entries.list("notes")] == ["a"]


def test_every_operation_is_sent_as_the_server_wants_it(client: Client, server: FakeServer) -> None:
    client.namespaces.create("other")
    client.entries.put("notes", "p", {"n": 1})
    client.entries.put("notes", "j", [1])
    client.entries.put("notes", "d", 1)
    transaction = (
        Transaction("notes")
        .put("a", 1, if_absent=True, ttl_seconds=60, labels={"x": "y"}, note="n")
        .put("a", 2, namespace="other", fencing_token=None)
        .merge_patch("p", {"n": 2}, if_match=1)
        .json_patch("j", [{"op": "add", "path": "/-", "value": 2}])
        .delete("d", note="done")
        .check("none", if_absent=True)
    )

    done = client.transactions.commit(transaction, idempotency_key="k")

    sent = json.loads(server.requests[-1].content)
    assert sent["operations"][0] == {
        "op": "put", "key": "a", "value": 1, "if_absent": True, "ttl_seconds": 60,
        "labels": {"x": "y"}, "note": "n",
    }  # fmt: skip
    assert len(transaction) == 6
    assert [(result.op, result.status, result.version) for result in done.results] == [
        ("put", 201, 1), ("put", 201, 1), ("patch", 200, 2), ("patch", 200, 2),
        ("delete", 204, 2), ("check", 200, None),
    ]  # fmt: skip
    assert done.results[2].value == {"n": 2}
    assert done.consistency_token is not None
    assert client.transactions.commit(transaction, idempotency_key="k").replayed


def test_a_key_that_no_server_takes_is_refused_at_once() -> None:
    with pytest.raises(InvalidKey):
        Transaction("notes").put("a/b", 1)


async def test_the_asynchronous_client_has_it_too(async_client: AsyncClient) -> None:
    done = await async_client.transactions.commit(Transaction("notes").put("a", 1).put("b", 2))
    found = await async_client.entries.get_many("notes", ["b", "x", "a"], values=False)

    assert [result.created for result in done.results] == [True, True]
    assert [(key, entry.has_value) for key, entry in found.items()] == [("b", False), ("a", False)]


def test_reading_many_counts_as_reading(client: Client, server: FakeServer) -> None:
    client.entries.put("notes", "a", 1)

    client.entries.get_many("notes", ["a"], consistency="session")

    headers = server.requests[-1].headers
    assert headers["stateward-consistency"] == "session"
    assert "idempotency-key" not in headers
