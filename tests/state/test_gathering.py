"""Many entries in one call: of one moment, each decided, recorded where its class asks for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stateward.gate.audit.reads import READS
from tests.factories.state import World, audit_records, make_namespace
from tests.state.conftest import Caller, in_thread

HIDE = (
    'forbid (principal, action == Action::"state.read_value", resource is Entry) '
    'when { resource.hasTag("hidden") };'
)


async def test_what_is_there_comes_in_the_order_asked_for(call: Caller, world: World) -> None:
    await in_thread(make_namespace, world.actor, "other")
    await call.transact(
        *({"op": "put", "key": f"k{n}", "value": {"n": n}} for n in range(5)),
        {"op": "put", "key": "k0", "namespace": "other", "value": "elsewhere"},
    )
    elsewhere = {"namespace": "other", "key": "k0"}
    nowhere = {"namespace": "nowhere", "key": "k0"}

    answer = await call.post("reads", {"keys": ["k3", "missing", elsewhere, nowhere, "k1"]})

    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(item["namespace"], item["key"]) for item in items] == [
        ("notes", "k3"), ("other", "k0"), ("notes", "k1"),
    ]  # fmt: skip
    assert items[0] == (await call("GET", "k3")).json()


async def test_values_may_be_left_out(call: Caller) -> None:
    await call.put("a", 1)

    answer = await call.post("reads", {"keys": ["a"], "values": False})

    (item,) = answer.json()["items"]
    assert "value" not in item
    assert item["version"] == 1


async def test_what_may_not_be_read_is_like_what_is_not_there_and_recorded(
    call: Caller, world: World, forbid: Any
) -> None:
    await in_thread(forbid, HIDE)
    await call.transact(
        {"op": "put", "key": "open", "value": 1},
        *({"op": "put", "key": f"h{n}", "value": 1, "labels": {"hidden": "y"}} for n in range(3)),
    )

    answer = await call.post("reads", {"keys": ["h0", "open", "h1", "missing", "h2"]})

    assert [item["key"] for item in answer.json()["items"]] == ["open"]
    records = await in_thread(audit_records, world.tenant.id)
    denied = [record for record in records if record[0] == "state.read_value"]
    assert denied == [("state.read_value", "deny_forbid", "h0")]


async def test_each_confidential_entry_is_recorded_before_the_answer(
    call: Caller, world: World
) -> None:
    await in_thread(lambda: make_namespace(world.actor, "secret", classification="confidential"))
    call.namespace = "secret"
    await call.transact(*({"op": "put", "key": f"k{n}", "value": n} for n in range(3)))

    answer = await call.post("reads", {"keys": ["k0", "k1", "k2", "missing"]})

    assert [item["value"] for item in answer.json()["items"]] == [0, 1, 2]
    records = await in_thread(audit_records, world.tenant.id)
    reads = [record for record in records if record[0] == "state.read_value"]
    assert reads == [("state.read_value", "allow", f"k{n}") for n in range(3)]


async def test_open_reads_are_counted_once_each(call: Caller, world: World) -> None:
    await call.transact(*({"op": "put", "key": f"k{n}", "value": n} for n in range(7)))
    READS.drain()

    await call.post("reads", {"keys": [f"k{n}" for n in range(9)]})

    counts = [n for (_, kind), n in READS.drain().items() if kind.tenant_id == world.tenant.id]
    assert counts == [7]


async def test_a_read_is_of_one_moment(call: Caller) -> None:
    """While transactions move all keys together, no reader sees two of their versions."""
    keys = [f"k{n}" for n in range(20)]

    async def write() -> None:
        for number in range(25):
            await call.transact(*({"op": "put", "key": key, "value": number} for key in keys))

    writing = asyncio.create_task(write())
    seen = set()
    while not writing.done():
        answer = await call.post("reads", {"keys": keys})
        values = {item["value"] for item in answer.json()["items"]}
        assert len(values) <= 1
        seen |= values
    await writing
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("keys", "status", "pointer"),
    [
        ([], 422, "/keys"),
        (["k"] * 1001, 422, "/keys"),
        (["a", 1], 400, "/keys/1"),
        (["a", {"namespace": "notes"}], 400, "/keys/1"),
        (["a", {"key": "b", "version": 1}], 400, "/keys/1"),
        (["a", "b/c"], 400, "/keys/1"),
        (["a", "b", "a"], 422, "/keys/2"),
    ],
    ids=["none", "many", "number", "no_key", "member", "bad", "twice"],
)
async def test_what_is_asked_wrongly_is_refused(
    call: Caller, keys: Any, status: int, pointer: str
) -> None:
    answer = await call.post("reads", {"keys": keys})

    assert answer.status_code == status
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
