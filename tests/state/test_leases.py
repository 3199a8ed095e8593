"""Leases: one holder, a token that only rises, everybody else waits in line."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from django.db import connection

from stateward.operations.plane import Plane
from stateward.state.keeping import lock_kept
from stateward.state.services.expiry import expire_due
from stateward.state.services.namespaces import create_namespace, delete_namespace
from stateward.state.services.tidying import tidy
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.state import CALL, World, audit_records
from tests.factories.tenants import make_agent, make_key, make_member
from tests.state.conftest import Caller, Sessions

LEASES = "/api/v1/namespaces/notes/leases"


async def ask(
    call: Caller, method: str, path: str = "", body: Any = None, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call.http.request(
        method, LEASES + path, json=body, headers={"authorization": f"Bearer {call.key}", **named}
    )


async def take(call: Caller, key: str = "k", ttl: float = 30, **more: Any) -> httpx.Response:
    return await ask(call, "POST", "", {"key": key, "ttl_seconds": ttl, **more})


def token(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 201, answer.text
    return {"stateward-fencing-token": str(answer.json()["fencing_token"])}


@pytest.fixture
def other(world: World, http: httpx.AsyncClient) -> Caller:
    """An agent that writes in every namespace of the tenant."""
    return Caller(http, make_key(make_agent(world.tenant, "writer")).text)


@pytest.fixture
def reader(world: World, http: httpx.AsyncClient) -> Caller:
    return Caller(http, make_key(make_agent(world.tenant, "reader")).text)


async def test_whoever_has_the_lease_writes_and_nobody_else(call: Caller, other: Caller) -> None:
    await call.put("k", 1)
    lease = await take(call)

    assert set(lease.json()) == {
        "id", "namespace", "key", "fencing_token", "expires_at", "holder",
    }  # fmt: skip
    refused = await other.put("k", 2)
    assert (refused.status_code, refused.json()["code"]) == (423, "leased")
    assert refused.json()["holder"] == lease.json()["holder"]
    assert 0 < refused.json()["retry_after_seconds"] <= 30
    assert refused.headers["retry-after"]
    assert (await call.put("k", 2)).status_code == 423  # nor does its holder without the token
    assert (await call.put("k", 3, **token(lease))).status_code == 200


async def test_a_token_that_is_not_the_newest_is_refused_for_ever(
    call: Caller, other: Caller
) -> None:
    first = await take(call)
    await ask(call, "DELETE", f"/{first.json()['id']}")
    second = await take(other)
    stale, fresh = token(first), token(second)

    assert second.json()["fencing_token"] > first.json()["fencing_token"]
    refused = await call.put("k", 1, **stale)
    assert (refused.status_code, refused.json()["code"]) == (412, "stale_fencing_token")
    assert (await other.put("k", 1, **fresh)).status_code == 201
    assert (await other("DELETE", "k", **fresh)).status_code == 204
    await ask(other, "DELETE", f"/{second.json()['id']}")
    assert (await call.put("k", 1, **stale)).status_code == 412
    assert (await call.put("k", 1)).status_code == 201
    assert (await call.put("k", 1, **stale)).status_code == 412
    beyond = {"stateward-fencing-token": str(second.json()["fencing_token"] + 1)}
    assert (await call.put("k", 1, **beyond)).status_code == 412


async def test_every_way_of_writing_over_http_waits_for_the_lease(
    call: Caller, other: Caller
) -> None:
    await other.put("k", {"a": 1})
    await take(call)
    kind = "application/merge-patch+json"

    answers = [
        await other.put("k", 2),
        await other("PATCH", "k", {"a": 2}, kind=kind),
        await other("DELETE", "k"),
        await other("POST", "k", {"version": 1}, then="/rollback"),
    ]

    assert [answer.status_code for answer in answers] == [423] * 4
    stale = {"stateward-fencing-token": "1"}
    answers = [
        await other.put("k", 2, **stale),
        await other("PATCH", "k", {"a": 2}, kind=kind, **stale),
        await other("DELETE", "k", **stale),
        await other("POST", "k", {"version": 1}, then="/rollback", **stale),
    ]
    assert [answer.status_code for answer in answers] == [412] * 4
    assert (await other("GET", "k")).json()["version"] == 1


async def test_refusals_by_a_lease_are_kept_under_the_idempotency_key(
    call: Caller, other: Caller
) -> None:
    await call.put("k", 1)
    lease = await take(call)

    first = await other.put("k", 2, idempotency_key="a")
    fenced = await other.put("k", 2, idempotency_key="b", stateward_fencing_token="7")
    await ask(call, "DELETE", f"/{lease.json()['id']}")
    again = await other.put("k", 2, idempotency_key="a")
    fenced_again = await other.put("k", 2, idempotency_key="b", stateward_fencing_token="7")

    assert (first.status_code, again.status_code) == (423, 423)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["holder"] == first.json()["holder"]
    assert (fenced.status_code, fenced_again.status_code) == (412, 412)
    assert fenced_again.json()["code"] == "stale_fencing_token"
    assert (await call("GET", "k")).json()["version"] == 1


async def test_a_transaction_waits_for_a_lease_and_its_refusal_is_kept(
    call: Caller, other: Caller
) -> None:
    lease = await take(call)

    async def transact(caller: Caller, more: dict[str, Any], name: str) -> httpx.Response:
        operations = [
            {"op": "put", "key": "a", "value": 1},
            {"op": "put", "key": "k", "value": 1, **more},
        ]
        headers = {"authorization": f"Bearer {caller.key}", "idempotency-key": name}
        place = LEASES.replace("leases", "transactions")
        return await call.http.post(place, json={"operations": operations}, headers=headers)

    refused = await transact(other, {}, "a")
    fenced = await transact(other, {"fencing_token": 7}, "b")
    done = await transact(call, {"fencing_token": lease.json()["fencing_token"]}, "c")
    await ask(call, "DELETE", f"/{lease.json()['id']}")
    again = [await transact(other, {}, "a"), await transact(other, {"fencing_token": 7}, "b")]

    assert [one.status_code for one in (refused, fenced, done)] == [423, 412, 200]
    assert refused.json()["errors"][0]["pointer"] == "/operations/1"
    assert [one.status_code for one in again] == [423, 412]
    assert [one.headers["idempotency-replayed"] for one in again] == ["true", "true"]
    assert (await call("GET", "a")).json()["version"] == 1


async def test_a_repeat_is_answered_the_same_lease(call: Caller, other: Caller) -> None:
    body = {"key": "k", "ttl_seconds": 30}
    first = await ask(call, "POST", "", body, idempotency_key="a")
    again = await ask(call, "POST", "", body, idempotency_key="a")
    reused = await ask(call, "POST", "", {**body, "ttl_seconds": 31}, idempotency_key="a")
    refused = await ask(other, "POST", "", body, idempotency_key="a")
    place = f"/{first.json()['id']}"
    released = [await ask(call, "DELETE", place, idempotency_key="b") for _ in range(2)]
    refused_again = await ask(other, "POST", "", body, idempotency_key="a")

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert reused.status_code == 422
    assert [answer.status_code for answer in released] == [204, 204]
    assert (refused.status_code, refused_again.status_code) == (423, 423)


async def test_a_lease_is_renewed_and_released_by_its_holder_alone(
    call: Caller, other: Caller
) -> None:
    lease = (await take(call, ttl=1)).json()
    place = f"/{lease['id']}"

    renewed = await ask(call, "PATCH", place, {"ttl_seconds": 60})
    by_other = await ask(other, "PATCH", place, {"ttl_seconds": 60})
    ended = await ask(other, "DELETE", place)

    assert renewed.status_code == 200
    assert renewed.json()["fencing_token"] == lease["fencing_token"]
    assert renewed.json()["expires_at"] > lease["expires_at"]
    assert (by_other.status_code, by_other.json()["code"]) == (403, "not_lease_holder")
    assert ended.status_code == 403
    assert (await ask(call, "DELETE", place)).status_code == 204
    assert (await ask(call, "PATCH", place, {"ttl_seconds": 60})).status_code == 404
    assert (await take(other)).status_code == 201


async def test_after_a_takeover_nothing_of_the_first_holder_counts(
    call: Caller, other: Caller
) -> None:
    first = await take(call, ttl=0.2)
    await asyncio.sleep(0.25)
    second = await take(other)
    place = f"/{first.json()['id']}"

    assert (await ask(call, "PATCH", place, {"ttl_seconds": 60})).status_code == 404
    assert (await ask(call, "DELETE", place)).status_code == 404
    assert (await call.put("k", 1, **token(first))).status_code == 412
    assert (await other.put("k", 1, **token(second))).status_code == 201


async def test_those_who_wait_are_served_in_order_of_arrival_over_two_processes(
    world: World, call: Caller
) -> None:
    elsewhere = Plane()  # has its own connections and bells: another process in all that matters
    await elsewhere.travel.open()
    transport = httpx.ASGITransport(app=elsewhere, client=("192.0.2.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://stateward.test") as there:
        first = await take(call)
        served: list[int] = []

        async def wait(number: int) -> None:
            caller = Caller(there if number % 2 else call.http, call.key)
            lease = await take(caller, wait_seconds=30)
            served.append(number)
            assert (await ask(caller, "DELETE", f"/{lease.json()['id']}")).status_code == 204

        waiters = []
        for number in range(8):
            waiters.append(asyncio.create_task(wait(number)))
            await until_waiting(world, number + 1)
        await ask(call, "DELETE", f"/{first.json()['id']}")
        await asyncio.gather(*waiters)
    await elsewhere.changes.close()
    await elsewhere.travel.close()

    assert served == list(range(8))


async def test_nobody_overtakes_and_the_dead_do_not_stand_in_the_way(
    world: World, call: Caller, other: Caller, sessions: Sessions
) -> None:
    first = await take(call)
    session = sessions()
    session.execute(  # of a process that was killed while it waited
        "INSERT INTO stateward_lease_ticket SELECT tenant_id, gen_random_uuid(), namespace_id, "
        "key, nextval('stateward_order'), 'agent', lease_actor_id, 'dead', now(), "
        "clock_timestamp() + interval '3 seconds' FROM stateward_entry WHERE lease_id = %s",
        (first.json()["id"],),
    )
    session.commit()
    await ask(call, "DELETE", f"/{first.json()['id']}")

    overtaking = await take(other)
    waited = await take(other, wait_seconds=50)

    assert (overtaking.status_code, overtaking.json()["holder"]) == (423, None)
    assert overtaking.json()["waiting"] == 1
    assert waited.status_code == 201


async def test_whoever_stops_waiting_gives_the_place_up(world: World, call: Caller) -> None:
    await take(call)
    waited = await take(call, wait_seconds=0.3)
    leaving = asyncio.create_task(take(call, wait_seconds=30))
    await until_waiting(world, 1)
    leaving.cancel()
    await until_waiting(world, 0)

    assert waited.status_code == 423


async def test_a_lease_granted_while_a_write_waits_refuses_it(
    world: World, call: Caller, other: Caller, sessions: Sessions
) -> None:
    await call.put("k", 1)
    holder = sessions()
    holder.execute("SELECT 1 FROM stateward_entry WHERE key = 'k' FOR UPDATE")
    writing = asyncio.create_task(other.put("k", 2))
    await asyncio.sleep(0.3)
    holder.execute(
        "UPDATE stateward_entry SET lease_id = gen_random_uuid(), lease_token = 7, lease_until = "
        "clock_timestamp() + interval '1 minute', lease_actor_type = 'agent', "
        "lease_actor_id = %s, lease_actor_name = 'x' WHERE key = 'k'",
        (world.agent.id,),
    )
    holder.commit()

    assert (await writing).status_code == 423


async def test_a_lease_that_ends_while_a_write_waits_lets_it_through(
    call: Caller, other: Caller, sessions: Sessions
) -> None:
    await call.put("k", 1)
    lease = await take(call, ttl=0.5)
    holder = sessions()
    holder.execute("SELECT 1 FROM stateward_entry WHERE key = 'k' FOR UPDATE")
    writing = asyncio.create_task(other.put("k", 2))
    await asyncio.sleep(0.7)
    holder.rollback()

    assert lease.status_code == 201
    assert (await writing).status_code == 200


async def test_a_key_that_was_never_written_is_not_there_though_it_is_leased(
    call: Caller, other: Caller
) -> None:
    lease = await take(call)

    assert (await call("GET", "k")).status_code == 404
    assert (await call("GET", "k", then="/revisions")).status_code == 404
    assert (await call("GET")).json()["items"] == []
    assert (await other.put("k", 1)).status_code == 423
    written = await call.put("k", 1, **token(lease))
    assert (written.status_code, written.json()["version"]) == (201, 1)


async def test_the_sweep_waits_for_a_lease(world: World, call: Caller) -> None:
    await call("PUT", "k", {"value": 1, "ttl_seconds": 0.1})
    lease = await take(call)
    await asyncio.sleep(0.15)

    assert await in_thread(expire_due, world.tenant.id, 100) == 0
    await ask(call, "DELETE", f"/{lease.json()['id']}")
    assert await in_thread(expire_due, world.tenant.id, 100) == 1


async def test_what_is_over_is_put_away_and_the_token_goes_on_rising(
    world: World, call: Caller, sessions: Sessions
) -> None:
    unwritten, written = await take(call, "a"), await take(call, "b")
    await call.put("b", 1, **token(written))
    for lease in (unwritten, written):
        await ask(call, "DELETE", f"/{lease.json()['id']}")
    session = sessions()
    session.execute("UPDATE stateward_entry SET lease_until = lease_until - interval '2 hours'")
    session.commit()

    assert await in_thread(tidy, world.tenant.id, 100) == 2
    left = session.execute("SELECT key, lease_id FROM stateward_entry ORDER BY key").fetchall()
    assert left == [("b", None)]
    assert (await call.put("a", 1, **token(unwritten))).status_code == 412
    again = await take(call, "a")
    assert again.json()["fencing_token"] > unwritten.json()["fencing_token"]
    assert (await call.put("a", 1, **token(unwritten))).status_code == 412


async def test_a_namespace_made_anew_knows_no_old_token(world: World, call: Caller) -> None:
    old = await take(call)

    def anew() -> None:
        with tenant_scope(world.tenant.id):
            delete_namespace(world.actor, CALL, "notes")
            create_namespace(world.actor, CALL, "notes", {})

    await in_thread(anew)
    new = await take(call)

    assert new.json()["fencing_token"] > old.json()["fencing_token"]
    assert (await call.put("k", 1, **token(old))).status_code == 412
    assert (await call.put("k", 1, **token(new))).status_code == 201


async def test_whoever_may_ends_anothers_lease_and_says_why(
    world: World, call: Caller, http: httpx.AsyncClient
) -> None:
    lease = await take(call)
    place = f"/{lease.json()['id']}"
    owner = Caller(http, await in_thread(owners_token, world))

    unsaid = await ask(owner, "DELETE", place)
    ended = await ask(owner, "DELETE", f"{place}?reason=It%20hangs")

    assert (unsaid.status_code, ended.status_code) == (422, 204)
    assert (await call.put("k", 1, **token(lease))).status_code == 412
    assert (await ask(call, "PATCH", place, {"ttl_seconds": 5})).status_code == 404
    assert (await call.put("k", 1)).status_code == 201
    records = await in_thread(audit_records, world.tenant.id)
    assert ("state.break_lease", "allow", "k") in records


async def test_a_leased_key_is_not_purged(world: World, call: Caller) -> None:
    await call.put("k", 1)
    lease = await take(call)

    def locked() -> int:
        with tenant_scope(world.tenant.id):
            wanted = [(world.namespace.id, "k", 1)]
            return len(run_flow(lock_kept(world.tenant.id, wanted)))

    assert await in_thread(locked) == 0
    await ask(call, "DELETE", f"/{lease.json()['id']}")
    assert await in_thread(locked) == 1


async def test_each_step_of_a_lease_is_in_the_audit(
    world: World, call: Caller, reader: Caller
) -> None:
    lease = (await take(call)).json()
    await ask(call, "PATCH", f"/{lease['id']}", {"ttl_seconds": 60})
    await ask(call, "DELETE", f"/{lease['id']}")
    await take(reader)

    records = await in_thread(audit_records, world.tenant.id)
    assert [one for one in records if one[0] == "state.lease"] == [
        ("state.lease", "allow", "k"),
        ("state.lease", "allow", "k"),
        ("state.lease", "allow", "k"),
        ("state.lease", "deny_no_match", "k"),
    ]


def owners_token(world: World) -> str:
    owner = make_member(world.tenant, "owner")
    return make_key(owner).text


async def in_thread(work: Any, *arguments: Any) -> Any:
    def run() -> Any:
        try:
            return work(*arguments)
        finally:
            connection.close()  # Django's, which each thread has for itself

    return await asyncio.to_thread(run)


async def until_waiting(world: World, count: int) -> None:
    def waiting() -> int:
        with tenant_scope(world.tenant.id), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM stateward_lease_ticket")
            return int(cursor.fetchone()[0])

    for _ in range(200):
        if await in_thread(waiting) == count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not {count} wait")
