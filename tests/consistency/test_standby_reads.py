"""What each level of consistency reads, with a real standby whose replay is paused, that is killed,
frozen and promoted. Losing it loses nothing; a session never goes back in time.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from typing import Any
from unittest.mock import sentinel

import pytest
from django.db import connection

from governance.policies.services import activate, create_policy
from stateward.operations import readiness
from stateward.operations.doctor.standby import standby as examine_standby
from stateward.operations.embedded.replica import forget_standby
from stateward.operations.plane import Plane
from stateward.operations.reading_gauges import reading_gauges
from stateward.state.standby import Standing
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope
from tests.consistency.conftest import Reader, ended, serving, well
from tests.consistency.standbys import RunningStandby, primary
from tests.factories.state import CALL, World
from tests.factories.tenants import make_member
from tests.patience import PATIENCE
from tests.servers import PASSWORD
from tests.state.conftest import Caller

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def nothing_kept(plane: Plane) -> None:
    """What is asked here is asked of servers: the memory has tests of its own."""
    plane.travel.hot.capacity = 0


async def test_an_eventual_read_may_be_old_and_a_strong_one_never(
    reader: Reader, standby: RunningStandby, plane: Plane
) -> None:
    await reader.put("k", "old")
    standby.catch_up()
    standby.pause()
    await reader.put("k", "new")

    assert await reader.get("k", "eventual") == "old"
    assert await reader.get("k", "strong") == "new"
    assert plane.travel.read_at["standby"] == 1


async def test_a_session_reads_the_standby_once_that_has_what_it_wrote(
    reader: Reader, standby: RunningStandby, plane: Plane
) -> None:
    await reader.put("k", 1)
    standby.catch_up()

    assert await reader.get("k") == 1
    assert plane.travel.read_at == {"primary": 0, "standby": 1, "memory": 0}


async def test_a_session_with_a_newer_token_reads_the_primary(
    reader: Reader, standby: RunningStandby, plane: Plane
) -> None:
    await reader.put("k", "old")
    standby.catch_up()
    standby.pause()
    await reader.put("k", "new")

    assert await reader.get("k") == "new"
    assert plane.travel.read_at == {"primary": 1, "standby": 0, "memory": 0}


async def test_what_was_seen_on_the_primary_is_not_unseen_on_the_standby(
    reader: Reader, call: Caller, standby: RunningStandby
) -> None:
    """Also of keys that somebody else wrote, and of those that are gone."""
    other = Reader(call)
    await other.put("a", 1)
    await other.put("b", 1)
    standby.catch_up()
    standby.pause()
    token = await other.put("a", 2)
    assert (await call("DELETE", "b")).headers["stateward-consistency-token"]
    reader.tokens = [token]

    assert await reader.get("a") == 2
    assert await reader.get("b") is None
    assert await reader.get("b") is None


async def test_tokens_combine_so_that_one_agent_follows_another(
    call: Caller, standby: RunningStandby
) -> None:
    one, two, third = Reader(call), Reader(call), Reader(call)
    await one.put("a", 1)
    await two.put("b", 1)
    standby.catch_up()
    standby.pause()
    await one.put("a", 2)
    await two.put("b", 2)
    third.tokens = [*one.tokens, *two.tokens]

    assert (await third.get("a"), await third.get("b")) == (2, 2)


async def test_a_list_and_a_history_keep_to_the_level(
    call: Caller, reader: Reader, standby: RunningStandby
) -> None:
    await reader.put("k", "old")
    standby.catch_up()
    standby.pause()
    await reader.put("k", "new")

    async def seen(level: str) -> tuple[Any, ...]:
        headers = {"stateward_consistency": level}
        if level == "session":
            headers["stateward_consistency_token"] = ",".join(reader.tokens)
        listed = (await call("GET", **headers)).json()["items"][0]["value"]
        history = (await call("GET", "k", then="/revisions", **headers)).json()["items"]
        past = await call("GET", "k", then="?version=2", **headers)
        together = await call.http.post(
            f"/api/v1/namespaces/{call.namespace}/reads",
            json={"keys": ["k"]},
            headers={"authorization": f"Bearer {call.key}"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        (read,) = together.json()["items"]
        return listed, len(history), past.status_code, read["value"]

    assert await seen("eventual") == ("old", 1, 404, "old")
    assert await seen("session") == ("new", 2, 200, "new")
    assert await seen("strong") == ("new", 2, 200, "new")


@pytest.mark.parametrize("token", ["w{}-3", "r{}-1", "w1-{}"], ids=["w", "r", "to-come"])
async def test_a_token_of_another_timeline_or_of_the_future_is_for_the_primary(
    reader: Reader, standby: RunningStandby, plane: Plane, token: str
) -> None:
    await reader.put("k", 1)
    standby.catch_up()
    reader.tokens = [token.format("F", "F") if "{}-" in token else token.format(2**62)]

    assert await reader.get("k") == 1
    assert plane.travel.read_at["primary"] == 1


@pytest.mark.parametrize("classification", ["confidential", "restricted"])
async def test_what_is_recorded_is_read_from_the_primary(
    call: Caller, world: World, standby: RunningStandby, plane: Plane, classification: str
) -> None:
    secret = await asyncio.to_thread(in_thread, world.another, classification=classification)
    call.namespace = secret.namespace.name
    await call.put("k", "old")
    standby.catch_up()
    standby.pause()
    await call.put("k", "new")

    answer = await call("GET", "k", stateward_consistency="eventual")

    assert answer.status_code in {200, 403}
    assert "old" not in answer.text
    assert plane.travel.read_at["standby"] == 0


async def test_a_rule_holds_within_a_second_though_the_standby_stands_still(
    call: Caller, reader: Reader, world: World, standby: RunningStandby
) -> None:
    await reader.put("k", 1)
    standby.catch_up()
    standby.pause()
    assert await reader.get("k", "eventual") == 1

    await asyncio.to_thread(in_thread, revoke, world)
    await asyncio.sleep(1)

    answer = await call("GET", "k", stateward_consistency="eventual")
    assert answer.status_code in {403, 404}, answer.text


def in_thread(work: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return work(*arguments, **named)
    finally:
        connection.close()  # Django's, which each thread has for itself


def revoke(world: World) -> None:
    text = 'forbid (principal, action == Action::"state.read_value", resource);'
    admin = make_member(world.tenant, "admin")
    actor = Actor("member", admin.id, "Ada", world.tenant.id, world.tenant.slug, ("admin",))
    with tenant_scope(world.tenant.id):
        made = create_policy(actor, CALL, name="nobody reads", text=text)
        activate(actor, CALL, made.id, version=1)


async def test_without_the_question_a_session_would_go_back(
    reader: Reader, standby: RunningStandby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the tests here would notice."""
    await reader.put("k", "old")
    standby.catch_up()
    standby.pause()
    await reader.put("k", "new")

    async def never_asked(*_: Any) -> None:
        pass

    monkeypatch.setattr("stateward.state.standby.Standby._reach", never_asked)

    assert await reader.get("k") == "old"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_session_never_goes_back_in_time(
    call: Caller, standby: RunningStandby, plane: Plane, seed: int
) -> None:
    """Writers and readers of three keys, while replay stops and goes on at random."""
    chance = random.Random(seed)
    newest = {"a": 0, "b": 0, "c": 0}
    readers = [Reader(call) for _ in range(3)]
    floors = [dict.fromkeys(newest, 0) for _ in readers]
    for key in newest:
        await call.put(key, 0)
    standby.catch_up()

    for step in range(90):
        key = chance.choice("abc")
        match chance.randrange(8):
            case 0:
                standby.pause()
            case 1:
                standby.resume()
            case 2 | 3:
                newest[key] += 1
                who = chance.randrange(3)
                await readers[who].put(key, newest[key])
                floors[who][key] = newest[key]
            case 4:  # one hands the other its tokens
                giver, taker = chance.sample(range(3), 2)
                readers[taker].tokens += readers[giver].tokens
                floors[taker] = {k: max(floors[taker][k], floors[giver][k]) for k in newest}
            case _:
                who = chance.randrange(3)
                found = await readers[who].get(key)
                assert floors[who][key] <= found <= newest[key], (step, who, key)
                floors[who][key] = found

    assert min(plane.travel.read_at["standby"], plane.travel.read_at["primary"]) > 0


async def test_one_too_far_behind_is_not_read(
    reader: Reader, standby: RunningStandby, plane: Plane
) -> None:
    await reader.put("k", "old")
    standby.catch_up()
    standby.pause()
    await reader.put("k", "new")
    own = plane.travel.standby
    assert own is not None
    own.standing = Standing(lag=own.max_lag + 1, is_standby=True, looked_at=now_of_loop())

    assert await reader.get("k", "eventual") == "new"


def now_of_loop() -> float:
    return asyncio.get_running_loop().time()


async def test_readiness_metrics_and_the_doctor_say_how_it_stands(
    standby: RunningStandby, plane: Plane, settings: Any
) -> None:
    own = plane.travel.standby
    assert own is not None
    answer = json.loads((await readiness.readiness(plane.travel, sentinel.request)).body)
    text = reading_gauges(plane.travel)
    (found,) = await asyncio.to_thread(lambda: [*examine_standby()])

    assert answer["parts"]["standby"] == "works"
    assert "stateward_standby_up 1\n" in text
    assert "\nstateward_standby_lag_seconds 0." in text
    assert found.level == "ok"
    settings.DATA_PLANE_STANDBY_URL = os.environ["STATEWARD_DATABASE_URL"]
    (found,) = await asyncio.to_thread(lambda: [*examine_standby()])
    assert found.level == "error"
    settings.DATA_PLANE_STANDBY_URL = "postgresql://stateward_app:x@127.0.0.1:1/stateward"
    (found,) = await asyncio.to_thread(lambda: [*examine_standby()])
    assert found.level == "warning"


@pytest.mark.parametrize(
    ("standing", "says"),
    [
        (Standing(0.4, True, 0.0), "works"),
        (Standing(7.2, True, 0.0), "is 7 s behind"),
        (Standing(31.0, True, 0.0), "is 31 s behind; the primary is read"),
        (Standing(0.4, False, 0.0), "is no standby any more; the primary is read"),
        (Standing(), "does not answer; the primary is read"),
    ],
    ids=["well", "late", "too-late", "promoted", "gone"],
)
async def test_a_lost_standby_degrades_and_breaks_nothing(
    plane: Plane, standing: Standing, says: str
) -> None:
    own = plane.travel.standby
    assert own is not None
    own.standing = standing

    assert readiness._standby(own) == says


def test_a_copy_goes_on_from_where_it_stopped_and_a_lost_one_is_made_anew(
    database: None,
) -> None:
    standby = RunningStandby.start()
    try:
        standby.cluster.stop()
        assert standby.copy() is False  # it can go on
        standby.begin()
        standby.catch_up()
        standby.cluster.stop()
        forget_standby(primary(), PASSWORD, slot=standby.slot)
        assert standby.copy() is True  # nothing was kept for it meanwhile
        standby.begin()
        standby.catch_up()
    finally:
        standby.end()


async def test_one_that_is_killed_frozen_or_promoted_costs_no_answer(
    settings: Any, call: Caller, http: Any
) -> None:
    """It ends in the middle of reads: each of them is answered, by the primary."""
    standby = RunningStandby.start()
    own = await serving(settings, standby)
    own.travel.hot.capacity = 0
    http._transport.app = own
    reader = Reader(call)
    try:
        await reader.put("k", 0)
        standby.catch_up()
        assert await reader.get("k") == 0
        assert own.travel.read_at["standby"] == 1

        standby.freeze()
        answers = await asyncio.wait_for(
            asyncio.gather(*(reader.call("GET", "k", stateward_consistency=level)
                             for level in ("eventual", "session"))), timeout=PATIENCE,
        )  # fmt: skip
        standby.thaw()
        assert [answer.json()["value"] for answer in answers] == [0, 0]
        await well(own)

        reading = asyncio.create_task(many(reader, 60))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(standby.kill)
        assert await reading == {0}

        await asyncio.to_thread(standby.begin)
        await well(own)
        await asyncio.to_thread(standby.promote)
        await reader.put("k", 1)
        before = own.travel.read_at["standby"]
        assert await reader.get("k") == 1
        assert own.travel.read_at["standby"] == before
        reader_of = own.travel.standby
        assert reader_of is not None
        await reader_of.look()
        assert not reader_of.serves
        assert await reader.get("k", "eventual") == 1
    finally:
        await ended(own)
        standby.end()


async def many(reader: Reader, count: int) -> set[Any]:
    return {await reader.get("k", "eventual") for _ in range(count)}
