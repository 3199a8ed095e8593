"""Transactions: all operations or none, judged on locked rows, and never in each other's way."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.types.string import TextLoader

from stateward.kernel.errors import PreconditionFailed
from stateward.kernel.flow import Executable, Flow, Rows, T, run
from stateward.operations.plane import Plane
from stateward.state.services.entries import Conditions, Put
from stateward.state.services.transactions import Check, Operation, transact
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, audit_records, make_namespace
from tests.state.conftest import Caller, Sessions, in_thread

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
LEASE = """
UPDATE stateward_entry SET lease_token = 3, lease_until = clock_timestamp() + interval '1 minute',
    lease_actor_type = 'agent', lease_actor_id = gen_random_uuid(), lease_actor_name = 'x'
WHERE tenant_id = %s AND key = %s
"""


def put(key: str, value: Any = 1, **more: Any) -> dict[str, Any]:
    return {"op": "put", "key": key, "value": value, **more}


def absent(key: str) -> dict[str, Any]:
    return {"op": "check", "key": key, "if_absent": True}


async def keys_of(call: Caller) -> list[str]:
    return [entry["key"] for entry in (await call("GET")).json()["items"]]


async def test_all_operations_happen_at_one_time(call: Caller, world: World) -> None:
    await in_thread(make_namespace, world.actor, "elsewhere")
    for key in ("old", "gone", "kept"):
        await call.put(key, {"n": 1})

    answer = await call.transact(
        put("new", labels={"a": "b"}, ttl_seconds=60, note="because"),
        put("other", namespace="elsewhere"),
        {"op": "patch", "key": "old", "merge_patch": {"n": 2}, "if_version": 1},
        {"op": "delete", "key": "gone"},
        {"op": "check", "key": "kept", "if_version": 1},
        absent("none"),
    )

    assert answer.status_code == 200, answer.text
    new, other, old, gone, kept, none = answer.json()["results"]
    assert (new["op"], new["status"], new["version"], new["value"]) == ("put", 201, 1, 1)
    assert new["labels"] == {"a": "b"}
    assert new["expires_at"] is not None
    assert (other["namespace"], other["key"]) == ("elsewhere", "other")
    assert (old["status"], old["version"], old["value"]) == (200, 2, {"n": 2})
    assert gone == {
        "op": "delete",
        "status": 204,
        "namespace": "notes",
        "key": "gone",
        "version": 2,
    }
    assert kept == {"op": "check", "status": 200, "namespace": "notes", "key": "kept", "version": 1}
    assert none == {
        "op": "check",
        "status": 200,
        "namespace": "notes",
        "key": "none",
        "version": None,
    }
    assert new["updated_at"] == other["updated_at"] == old["updated_at"]
    entry = (await call("GET", "new")).json()
    assert entry == {name: new[name] for name in entry}
    assert await keys_of(call) == ["kept", "new", "old"]


REFUSED: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "check": ({"op": "check", "key": "a", "if_version": 2}, 412, "precondition_failed", ""),
    "check_none": ({"op": "check", "key": "x", "if_version": 1}, 412, "precondition_failed", ""),
    "check_absent": (absent("a"), 412, "precondition_failed", ""),
    "check_token": (
        {"op": "check", "key": "leased", "fencing_token": 2}, 412, "stale_fencing_token", "",
    ),
    "stale": (put("a", if_version=7), 412, "precondition_failed", ""),
    "exists": (put("a", if_absent=True), 412, "precondition_failed", ""),
    "leased": (put("leased"), 423, "leased", ""),
    "no_entry": ({"op": "delete", "key": "x"}, 404, "not_found", ""),
    "no_base": ({"op": "patch", "key": "x", "merge_patch": {}}, 404, "not_found", ""),
    "no_namespace": (put("a", namespace="nowhere"), 404, "not_found", ""),
    "not_mine": (put("a", namespace="not a name"), 404, "not_found", ""),
    "test": (
        {"op": "patch", "key": "a", "json_patch": [{"op": "test", "path": "/n", "value": 5}]},
        409, "patch_test_failed", "/json_patch/0",
    ),
    "schema": (put("a", {"n": "x"}, namespace="strict"), 422, "schema_violation", "/value/n"),
    "no_version": (put("a", namespace="versioned"), 428, "precondition_required", ""),
    "key": (put("a/b"), 400, "bad_key", "/key"),
    "twice": (put("first"), 422, "repeated_key", "/key"),
    "member": (put("a", if_match=1), 400, "malformed", "/if_match"),
    "no_value": ({"op": "put", "key": "a"}, 400, "malformed", "/value"),
    "op": ({"op": "move", "key": "a"}, 422, "unprocessable", "/op"),
    "no_op": ({"key": "a"}, 400, "malformed", "/op"),
    "both": ({"op": "patch", "key": "a", "merge_patch": 1, "json_patch": []}, 400, "malformed", ""),
    "nothing_checked": ({"op": "check", "key": "a"}, 400, "malformed", ""),
    "ttl": (put("a", ttl_seconds=-1), 422, "unprocessable", "/ttl_seconds"),
    "version": (put("a", if_version=0), 422, "unprocessable", "/if_version"),
    "token": (put("a", fencing_token="x"), 400, "malformed", "/fencing_token"),
    "not_a_text": (put(7), 400, "malformed", "/key"),  # type: ignore[arg-type]
}  # fmt: skip


def furnish(world: World) -> None:
    make_namespace(world.actor, "strict", schema=SCHEMA)
    make_namespace(world.actor, "versioned", concurrency="versioned")
    world.put("a", {"n": 1})
    world.put("leased", 1)
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(LEASE, (world.tenant.id, "leased"))


@pytest.mark.parametrize("name", REFUSED)
async def test_one_refusal_refuses_all_and_says_which(
    call: Caller, world: World, name: str
) -> None:
    await in_thread(furnish, world)
    operation, status, code, pointer = REFUSED[name]
    before = await in_thread(audit_records, world.tenant.id)

    answer = await call.transact(put("first"), operation, put("last"))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert [fault["pointer"] for fault in problem["errors"]] == [f"/operations/1{pointer}"]
    assert await keys_of(call) == ["a", "leased"]
    assert await in_thread(audit_records, world.tenant.id) == before
    if status == 412:
        assert problem["current_version"] == (None if name == "check_none" else 1)
    if status == 423:
        assert problem["holder"]["name"] == "x"


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_transaction_has_1_to_1000_operations(call: Caller, count: int) -> None:
    answer = await call.transact(*(put(f"k{number}") for number in range(count)))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/operations"


async def test_a_thousand_operations_are_one_transaction(call: Caller, world: World) -> None:
    operations = [put(f"k{number:03}", {"n": number}) for number in range(1000)]

    first = await call.transact(*operations)
    second = await call.transact(
        *({"op": "patch", "key": f"k{n:03}", "merge_patch": {"m": n}} for n in range(1000))
    )

    assert first.status_code == second.status_code == 200
    assert {result["version"] for result in second.json()["results"]} == {2}
    assert second.json()["results"][7]["value"] == {"n": 7, "m": 7}
    assert len({result["updated_at"] for result in second.json()["results"]}) == 1
    records = await in_thread(audit_records, world.tenant.id)
    assert [action for action, _, key in records if key == "k500"] == ["state.write"] * 2


async def test_a_denied_operation_denies_all_and_is_recorded(
    call: Caller, world: World, forbid: Any
) -> None:
    await in_thread(
        forbid,
        'forbid (principal, action == Action::"state.write", resource is Entry) '
        'when { resource.hasTag("frozen") };',
    )  # fmt: skip

    answer = await call.transact(put("a"), put("b", labels={"frozen": "yes"}))

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["pointer"] == "/operations/1"
    assert await keys_of(call) == []
    denied = [
        record for record in await in_thread(audit_records, world.tenant.id) if record[1] != "allow"
    ]
    assert denied == [("state.write", "deny_forbid", "b")]


async def test_labels_are_met_on_the_locked_rows(call: Caller, world: World) -> None:
    for number in range(3):
        await call.transact(put(f"k{number}", labels={"n": str(number)}))

    answer = await call.transact(
        *(put(f"k{number}", 2) for number in range(3)), put("new"),
        {"op": "check", "key": "k0", "if_version": 1},
    )  # fmt: skip

    *written, check = answer.json()["results"]
    assert [result["labels"] for result in written] == [{"n": "0"}, {"n": "1"}, {"n": "2"}, {}]
    assert check["version"] == 1


def drive_in(session: psycopg.Connection[Any], flow: Flow[T]) -> T:
    """Run a flow in a transaction that stays open: what it wrote is not committed yet."""
    session.adapters.register_loader("jsonb", TextLoader)

    def execute(statement: Executable) -> Rows:
        cursor = session.execute(statement.sql, statement.parameters)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []

    return run(flow, execute)


def check_absent(world: World, key: str, *writes: str) -> Flow[Any]:
    operations = [Operation("notes", key, Check(), Conditions(if_none=True))]
    operations += [Operation("notes", other, Put(1)) for other in writes]
    return transact(world.actor, CALL, operations)


class TestAbsenceHolds:
    """A checked key that is not there cannot be created before the transaction is over."""

    async def test_who_creates_it_meanwhile_waits(
        self, call: Caller, world: World, sessions: Sessions
    ) -> None:
        await call.transact(absent("warm"), put("up"))  # or the decisions' facts are waited for
        holder = sessions()
        await in_thread(drive_in, holder, check_absent(world, "a", "b"))

        creating = asyncio.create_task(call.put("a", 1))
        others = await asyncio.gather(*(call.put(f"free{n}", n) for n in range(3)))
        await asyncio.sleep(0.2)

        assert not creating.done()
        assert {answer.status_code for answer in others} == {201}
        await in_thread(holder.commit)
        created = await creating
        assert (created.status_code, created.json()["version"]) == (201, 1)
        with holder.cursor() as cursor:  # nothing of the check is left behind
            rows = cursor.execute("SELECT key FROM stateward_entry WHERE version = 0").fetchall()
        assert rows == []

    async def test_it_is_seen_when_the_one_who_created_it_was_first(
        self, call: Caller, world: World, sessions: Sessions
    ) -> None:
        await call.transact(absent("warm"), put("up"))
        holder = sessions()
        operations = [Operation("notes", "a", Put(1))]
        await in_thread(drive_in, holder, transact(world.actor, CALL, operations))

        checking = asyncio.create_task(call.transact(absent("a"), put("b")))
        await asyncio.sleep(0.2)

        assert not checking.done()
        await in_thread(holder.commit)
        answer = await checking
        assert (answer.status_code, answer.json()["current_version"]) == (412, 1)
        assert await keys_of(call) == ["a", "up"]

    async def test_the_synchronous_driver_tries_again_too(
        self, call: Caller, world: World, sessions: Sessions
    ) -> None:
        await call.transact(absent("warm"), put("up"))
        holder = sessions()
        operations = [Operation("notes", "a", Put(1))]
        await in_thread(drive_in, holder, transact(world.actor, CALL, operations))

        checking = asyncio.create_task(in_thread(world.run, check_absent(world, "a", "b")))
        await asyncio.sleep(0.3)

        assert not checking.done()
        await in_thread(holder.commit)
        with pytest.raises(PreconditionFailed) as refused:
            await checking
        assert refused.value.members == {"current_version": 1}

    async def test_of_two_that_exclude_each_other_one_happens(
        self, call: Caller, world: World
    ) -> None:
        other = Plane()
        await other.travel.open()
        try:
            for number in range(15):
                a, b = f"a{number}", f"b{number}"
                first, second = await asyncio.gather(
                    call.transact(absent(a), put(b)),
                    other.travel.drive(world.tenant.id, check_absent(world, b, a)),
                    return_exceptions=True,
                )
                happened = [
                    not isinstance(first, BaseException) and first.status_code == 200,
                    not isinstance(second, BaseException),
                ]
                assert sum(happened) == 1, (first, second)
        finally:
            await other.changes.close()
            await other.travel.close()

    async def test_without_the_guard_nobody_would_wait(
        self, call: Caller, world: World, sessions: Sessions, monkeypatch: Any
    ) -> None:
        """The promise broken on purpose: the tests above can fail."""
        guards = "stateward.state.services.transactions._Transaction._guards"
        monkeypatch.setattr(guards, lambda self: {})
        await call.transact(absent("warm"), put("up"))
        holder = sessions()
        await in_thread(drive_in, holder, check_absent(world, "a", "b"))

        created = await asyncio.wait_for(call.put("a", 1), timeout=3)

        assert created.status_code == 201
        await in_thread(holder.rollback)


async def deadlocks(session: psycopg.Connection[Any]) -> int:
    def count() -> int:
        session.commit()
        row = session.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return int(row[0]) if row else -1

    return await in_thread(count)


async def test_overlapping_transactions_never_deadlock_and_none_is_lost(
    call: Caller, world: World, sessions: Sessions
) -> None:
    """Two planes, as of two processes; keys that are there, that are not, and that are checked."""
    chance = random.Random(7)
    session = sessions()
    before = await deadlocks(session)
    other = Plane()
    await other.travel.open()
    written: dict[str, int] = {}

    async def one(number: int) -> None:
        keys = chance.sample(range(24), 8)
        operations = [Operation("notes", f"k{key:02}", Put(number)) for key in keys[:6]]
        operations += [
            Operation("notes", f"none{key}", Check(), Conditions(if_none=True)) for key in keys[6:]
        ]
        chance.shuffle(operations)
        plane = other if number % 2 else call.http._transport.app  # type: ignore[attr-defined]
        done = await plane.travel.drive(world.tenant.id, transact(world.actor, CALL, operations))
        for result in done.results:
            if result.entry is not None:
                written[result.entry.key] = written.get(result.entry.key, 0) + 1

    try:
        for _ in range(4):
            singles = [call.put(f"k{chance.randrange(24):02}", -1) for _ in range(10)]
            answers = await asyncio.gather(*(one(number) for number in range(30)), *singles)
            for answer in answers[30:]:
                assert answer is not None
                written[answer.json()["key"]] += 1
    finally:
        await other.changes.close()
        await other.travel.close()

    versions = {entry["key"]: entry["version"] for entry in (await call("GET")).json()["items"]}
    assert versions == written
    assert await deadlocks(session) == before


TERMINATE_WAITING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    "AND wait_event_type = 'Lock' AND datname = current_database() AND usename = current_user"
)


async def test_a_transaction_that_breaks_off_leaves_nothing(
    call: Caller, world: World, plane: Plane, sessions: Sessions
) -> None:
    """Its session is ended while it waits for a row, after it has locked others."""
    await call.put("z", 0)
    holder = sessions()
    await in_thread(holder.execute, "SELECT 1 FROM stateward_entry WHERE key = 'z' FOR UPDATE")
    under_way = asyncio.create_task(call.transact(*(put(f"k{n}") for n in range(50)), put("z")))

    def terminate() -> None:
        while not holder.execute(TERMINATE_WAITING).fetchall():
            holder.execute("SELECT pg_stat_clear_snapshot()")
            time.sleep(0.02)

    await in_thread(terminate)

    assert (await under_way).status_code == 503
    await in_thread(holder.commit)
    assert await keys_of(call) == ["z"]
    assert (await call("GET", "z")).json()["version"] == 1


class TestRepeats:
    async def test_a_repeat_answers_as_the_first_did(self, call: Caller) -> None:
        await call.put("old", {"n": 1})
        await call.put("gone", 1)
        operations = [
            put("new", {"big": 2**70}), {"op": "delete", "key": "gone"}, absent("none"),
            {"op": "patch", "key": "old", "json_patch": [
                {"op": "test", "path": "/n", "value": 1},
                {"op": "replace", "path": "/n", "value": 2},
            ]},
        ]  # fmt: skip

        first = await call.transact(*operations, idempotency_key="k")
        again = await call.transact(*operations, idempotency_key="k")

        assert first.status_code == again.status_code == 200
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
        assert (await call("GET", "old")).json()["version"] == 2

    async def test_a_refusal_by_condition_is_kept(self, call: Caller) -> None:
        await call.put("a", 1)
        operations = (put("b"), {"op": "check", "key": "a", "if_version": 2})
        first = await call.transact(*operations, idempotency_key="k")
        await call.put("a", 2)

        again = await call.transact(*operations, idempotency_key="k")

        assert (first.status_code, again.status_code) == (412, 412)
        assert again.headers["idempotency-replayed"] == "true"
        for answer in (first, again):
            assert answer.json()["errors"][0]["pointer"] == "/operations/1"
            assert answer.json()["current_version"] == 1

    async def test_another_request_under_the_key_is_refused(self, call: Caller) -> None:
        await call.transact(put("a"), idempotency_key="k")

        other = await call.transact(put("a", 2), idempotency_key="k")
        single = await call("PUT", "a", {"value": 1}, idempotency_key="k")

        assert {other.json()["code"], single.json()["code"]} == {"idempotency_key_reused"}

    async def test_what_is_not_decided_is_not_kept(self, call: Caller) -> None:
        operations = ({"op": "delete", "key": "a"},)
        refused = await call.transact(*operations, idempotency_key="k")
        await call.put("a", 1)

        assert refused.status_code == 404
        assert (await call.transact(*operations, idempotency_key="k")).status_code == 200

    async def test_many_at_once_write_once(self, call: Caller) -> None:
        answers = await asyncio.gather(
            *(call.transact(put("a"), put("b"), idempotency_key="k") for _ in range(10))
        )

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert (await call("GET", "b")).json()["version"] == 1


class TestActions:
    async def test_actions_of_every_mode_are_one_transaction(
        self, call: Caller, world: World
    ) -> None:
        await in_thread(
            lambda: make_namespace(
                world.actor, "sums", concurrency="reducer", reducer={"name": "add"}
            )
        )
        await in_thread(
            lambda: make_namespace(
                world.actor, "counts", concurrency="crdt", crdt={"type": "counter"}
            )
        )
        operations = [
            {"op": "action", "namespace": "sums", "key": "a", "type": "add", "payload": 3},
            {"op": "action", "namespace": "counts", "key": "a", "type": "increment",
             "payload": {"by": 2}},
            put("a"),
        ]  # fmt: skip

        first = await call.transact(*operations, idempotency_key="k")
        again = await call.transact(*operations, idempotency_key="k")
        second = await call.transact(*operations)

        assert first.status_code == 200, first.text
        assert again.content == first.content
        assert [result["value"] for result in second.json()["results"]] == [6, 4, 1]

    async def test_a_hot_counter_loses_no_increment(self, call: Caller, world: World) -> None:
        await in_thread(
            lambda: make_namespace(
                world.actor, "sums", concurrency="reducer", reducer={"name": "add"}
            )
        )
        add = {"op": "action", "namespace": "sums", "key": "a", "type": "add", "payload": 1}

        answers = await asyncio.gather(
            *(call.transact(add, put(f"k{number}")) for number in range(20))
        )

        done = [answer for answer in answers if answer.status_code == 200]
        read = await call.post("reads", {"keys": [{"namespace": "sums", "key": "a"}]})
        assert read.json()["items"][0]["value"] == len(done)
        assert {answer.status_code for answer in answers} <= {200, 409}
