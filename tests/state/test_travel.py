"""Writers travel together, and nobody waits for anybody else's trouble; the races that the
statement is built for.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import psycopg

from stateward.operations.plane import Plane
from stateward.state.statements import Write, compose_call
from tests.factories.state import World, audit_records
from tests.state.conftest import Caller, Sessions, in_thread

HOLD = "SELECT 1 FROM stateward_entry WHERE key = %s FOR UPDATE"


async def test_many_writers_of_many_keys_all_get_their_own_version(call: Caller) -> None:
    answers = await asyncio.gather(*(call.put(f"k{number % 20}", number) for number in range(200)))

    assert {answer.status_code for answer in answers} == {200, 201}
    versions: dict[str, list[int]] = {}
    for answer in answers:
        versions.setdefault(answer.json()["key"], []).append(answer.json()["version"])
    assert all(sorted(found) == list(range(1, 11)) for found in versions.values())


async def test_concurrent_writers_share_statements(call: Caller, monkeypatch: Any) -> None:
    await call.put("warm", 0)
    groups: list[int] = []

    def counted(writes: Any, *, mode: str) -> Any:
        groups.append(len(writes))
        return compose_call(writes, mode=mode)

    monkeypatch.setattr("stateward.state.travel.compose_call", counted)

    await asyncio.gather(*(call.put(f"k{number}", number) for number in range(100)))

    assert len(groups) < 100
    assert sum(groups) == 100


async def test_a_held_key_delays_only_its_own_writer(call: Caller, sessions: Sessions) -> None:
    await call.put("held", 0)
    holder = sessions()
    await in_thread(holder.execute, HOLD, ("held",))

    waiting = asyncio.create_task(call.put("held", 1))
    others = await asyncio.gather(*(call.put(f"free{number}", number) for number in range(30)))

    assert {answer.status_code for answer in others} == {201}
    assert not waiting.done()
    await in_thread(holder.commit)
    assert (await waiting).json()["version"] == 2


async def test_a_key_held_too_long_is_a_lock_timeout(
    call: Caller, plane: Plane, sessions: Sessions, monkeypatch: Any
) -> None:
    monkeypatch.setattr("stateward.state.travel.OPTIONS", "-c lock_timeout=200ms")
    await call.put("held", 0)
    plane.travel._pool.kwargs["options"] = "-c lock_timeout=200ms"
    await plane.travel._pool.drain()
    holder = sessions()
    await in_thread(holder.execute, HOLD, ("held",))

    answer = await call.put("held", 1)

    assert (answer.status_code, answer.json()["code"]) == (503, "lock_timeout")
    assert answer.headers["retry-after"]
    await in_thread(holder.rollback)
    assert (await call("GET", "held")).json()["version"] == 1


async def test_one_member_that_makes_the_statement_raise_fails_alone(
    call: Caller, plane: Plane, monkeypatch: Any
) -> None:
    join = plane.travel._writes.join

    def spoilt(waiting: Any) -> None:
        write: Write = waiting.job
        if write.item.key == "bad":
            write.item.fields["aid"] = "not a uuid"
        join(waiting)

    monkeypatch.setattr(plane.travel._writes, "join", spoilt)

    answers = await asyncio.gather(*(call.put(key, 1) for key in ("a", "bad", "b", "c")))

    assert [answer.status_code for answer in answers] == [201, 503, 201, 201]


async def test_a_caller_that_goes_away_cancels_nothing(call: Caller, world: World) -> None:
    await call.put("warm", 0)
    leaving = [asyncio.create_task(call.put(f"gone{number}", number)) for number in range(10)]
    staying = asyncio.create_task(call.put("stays", 1))
    await asyncio.sleep(0)
    for task in leaving[::2]:
        task.cancel()

    await asyncio.gather(*leaving, return_exceptions=True)

    assert (await staying).status_code == 201


async def test_two_requests_under_one_key_in_two_sessions_write_once(
    call: Caller, world: World, plane: Plane
) -> None:
    other = Plane()
    await other.travel.open()
    elsewhere = Caller(call.http, call.key)
    try:
        answers = await asyncio.gather(
            *(
                caller("PUT", "a", {"value": 1}, idempotency_key="k")
                for caller in (call, elsewhere) * 5
            )
        )
    finally:
        await other.changes.close()
        await other.travel.close()

    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["version"] for answer in answers} == {1}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9


async def test_a_duplicate_waits_for_the_first_that_runs_elsewhere(
    call: Caller, world: World, sessions: Sessions
) -> None:
    first = sessions()
    await in_thread(
        first.execute,
        "INSERT INTO stateward_idempotency (tenant_id, actor_id, key, request_hash, status, at) "
        "VALUES (%s, %s, 'k', '\\x00', 0, now())",
        (world.tenant.id, world.agent.id),
    )

    second = asyncio.create_task(call("PUT", "a", {"value": 1}, idempotency_key="k"))
    await asyncio.sleep(0.3)

    assert not second.done()
    await in_thread(first.rollback)
    assert (await second).status_code == 201


async def test_a_label_changed_while_a_write_waits_is_decided_again(
    call: Caller, world: World, sessions: Sessions, forbid: Any
) -> None:
    await in_thread(
        forbid,
        'forbid (principal, action == Action::"state.write", resource is Entry) '
        'when { resource.hasTag("frozen") };',
    )
    await call.put("a", 1)
    holder = sessions()
    await in_thread(holder.execute, HOLD, ("a",))
    waiting = asyncio.create_task(call.put("a", 2))
    await asyncio.sleep(0.2)

    await in_thread(
        holder.execute,
        """UPDATE stateward_entry SET labels = '{"frozen": "yes"}' WHERE key = 'a'""",
    )
    await in_thread(holder.commit)

    assert (await waiting).status_code == 403
    assert (await call("GET", "a")).json()["value"] == 1


async def test_a_rule_that_takes_effect_while_a_write_waits_holds_for_it(
    call: Caller, sessions: Sessions, forbid: Any
) -> None:
    await call.put("a", 1)
    holder = sessions()
    await in_thread(holder.execute, HOLD, ("a",))
    waiting = asyncio.create_task(call.put("a", 2))
    await asyncio.sleep(0.2)

    await in_thread(forbid, 'forbid (principal, action == Action::"state.write", resource);')
    await in_thread(holder.commit)

    assert (await waiting).status_code == 403


async def test_the_next_write_after_a_rule_obeys_it(call: Caller, forbid: Any) -> None:
    assert (await call.put("a", 1)).status_code == 201

    await in_thread(forbid, 'forbid (principal, action == Action::"state.write", resource);')

    assert (await call.put("a", 2)).status_code == 403


async def test_groups_with_common_keys_in_any_order_do_not_deadlock(
    call: Caller, plane: Plane
) -> None:
    other = Plane()
    await other.travel.open()
    keys = [f"k{number}" for number in range(12)]
    try:
        for _ in range(10):
            answers = await asyncio.gather(
                *(call.put(key, 1) for key in keys), *(call.put(key, 2) for key in reversed(keys))
            )
            assert {answer.status_code for answer in answers} <= {200, 201}
    finally:
        await other.changes.close()
        await other.travel.close()


def end_all_connections() -> None:
    with psycopg.connect(
        os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True
    ) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'stateward-dataplane' AND datname = current_database()"
        )


async def test_a_lost_connection_is_told_and_then_renewed(
    call: Caller, plane: Plane, world: World
) -> None:
    await call.put("a", 1)

    await in_thread(end_all_connections)
    answers = [await call.put("a", number) for number in range(12)]

    assert {answer.status_code for answer in answers} <= {200, 503}
    assert answers[-1].status_code == 200
    assert all(answer.headers.get("retry-after") for answer in answers if answer.status_code == 503)


async def test_each_acknowledged_change_has_one_record(
    call: Caller, world: World, django_db_blocker: Any
) -> None:
    answers = await asyncio.gather(*(call.put(f"k{number % 7}", number) for number in range(70)))

    def recorded() -> int:
        with django_db_blocker.unblock():
            return sum(action == "state.write" for action, _, _ in audit_records(world.tenant.id))

    assert sum(answer.is_success for answer in answers) == await in_thread(recorded) == 70


async def test_a_read_survives_the_loss_of_its_connection(call: Caller) -> None:
    await call.put("a", 1)
    assert (await call("GET", "a")).status_code == 200

    await in_thread(end_all_connections)
    answers = await asyncio.gather(*(call("GET", "a") for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
