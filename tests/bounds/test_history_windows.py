"""Windows over history and entries: what they give up, and what keeps it from them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection

from stateward.kernel.errors import Gone
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, audit_events
from tests.factories.retention import Keeper
from tests.factories.tenants import make_member


def bounded(keeper: Keeper, **bounds: int) -> None:
    owner = Api(keeper.member)
    path = f"/namespaces/{keeper.world.namespace.name}/bounds"
    answer = owner("PUT", path, bounds)
    assert answer.status_code == 200, answer.content


def windows(keeper: Keeper) -> dict[str, Any]:
    return dict(run_here("retention.windows", tenant_id=keeper.tenant_id).result)


def valued(keeper: Keeper, key: str) -> list[int]:
    """The versions whose values are still there, newest first."""
    rows = keeper.rows(
        "SELECT version FROM stateward_revision WHERE tenant_id = %s AND key = %s"
        " AND value IS NOT NULL ORDER BY version DESC",
        keeper.tenant_id,
        key,
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_exactly_the_window_is_left(keeper: Keeper, seed: int) -> None:
    chance, world = random.Random(seed), keeper.world
    n, budget = chance.choice([1, 2, 5]), chance.choice([40, 120, 10_000])
    sizes: dict[str, dict[int, int]] = {"a": {}, "b": {}, "c": {}}
    alive, newest = dict.fromkeys(sizes, False), dict.fromkeys(sizes, 0)
    for _ in range(40):
        key = chance.choice("abc")
        newest[key] += 1
        if alive[key] and chance.random() < 0.15:
            world.delete(key)
            alive[key] = False
        else:
            size = chance.randint(2, 40)
            world.put(key, "x" * (size - 2))
            alive[key], sizes[key][newest[key]] = True, size
    bounded(keeper, keep_revisions=n, keep_history_bytes=budget)

    done = windows(keeper)
    again = windows(keeper)

    given_up = 0
    for key, kept in sizes.items():
        expected, filled = [], 0
        for place, version in enumerate(sorted(kept, reverse=True), 1):
            filled += kept[version]
            if version == newest[key] or (place <= n and filled <= budget):
                expected.append(version)
        given_up += len(kept) - len(expected)
        assert valued(keeper, key) == expected
        assert len(world.history(key)) == newest[key]
    assert (done["trimmed_revisions"], again["trimmed_revisions"]) == (given_up, 0)


def test_a_revision_past_the_window_is_gone_and_said_so(keeper: Keeper) -> None:
    for number in range(4):
        keeper.world.put("a", number)
    bounded(keeper, keep_revisions=2)

    windows(keeper)

    assert [keeper.world.at("a", version=3).data, keeper.world.get("a").data] == [b"2", b"3"]
    with pytest.raises(Gone):
        keeper.world.at("a", version=2)
    assert ("state.purge", "window.trimmed", "allow") in audit_events(keeper.tenant_id)


def test_what_is_written_later_is_trimmed_the_next_time(keeper: Keeper) -> None:
    keeper.world.put("a", 1)
    bounded(keeper, keep_revisions=1)
    windows(keeper)
    keeper.world.put("a", 2)
    keeper.world.put("a", 3)

    windows(keeper)

    assert valued(keeper, "a") == [3]


def test_a_hold_wins(keeper: Keeper) -> None:
    for number in range(3):
        keeper.world.put("a", number)
        keeper.world.put("b", number)
    bounded(keeper, keep_revisions=1, keep_entries=1)
    hold = keeper.hold(namespace=keeper.world.namespace.name, key_pattern="a")

    held = windows(keeper)

    assert (valued(keeper, "a"), valued(keeper, "b")) == ([3, 2, 1], [3])
    assert held["purged"] == 0  # a is the older of the two
    keeper.release(hold)
    again = windows(keeper)
    assert (again["purged"], valued(keeper, "a")) == (1, [])


def test_a_retain_rule_wins(keeper: Keeper) -> None:
    for number in range(3):
        keeper.world.put("a", number)
    keeper.rule("keep", kind="retain", days=30)
    bounded(keeper, keep_revisions=1)

    windows(keeper)

    assert valued(keeper, "a") == [3, 2, 1]


def test_what_a_checkpoint_stands_on_stays(keeper: Keeper) -> None:
    world = keeper.world
    world.put("a", 1)
    world.put("a", 2)
    with tenant_scope(keeper.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_checkpoint (tenant_id, id, namespace_id, label, snapshot, at,"
            " actor_type, actor_id, actor_name) VALUES (%s, %s, %s, 'mine',"
            " pg_current_snapshot(), clock_timestamp(), 'agent', %s, 'a')",
            (keeper.tenant_id, uuid7(), world.namespace.id, world.agent.id),
        )
    for number in range(3, 6):
        world.put("a", number)
    bounded(keeper, keep_revisions=1)

    windows(keeper)

    assert valued(keeper, "a") == [5, 2]


def test_the_newest_entries_stay_and_the_others_are_purged_with_proof(keeper: Keeper) -> None:
    for number in range(7):
        keeper.world.put(f"k{number}", number)
    bounded(keeper, keep_entries=3)

    done = windows(keeper)

    left = [key for key in (f"k{number}" for number in range(7)) if keeper.values_left(key)]
    assert left == ["k4", "k5", "k6"]
    assert done["purged"] == 4
    assert keeper.world.history("k0") == [(2, "purge"), (1, "put")]
    assert keeper.rows(
        "SELECT rule_name, entries FROM stateward_purge_batch WHERE tenant_id = %s",
        keeper.tenant_id,
    ) == [("window of notes", 4)]
    owner = Api(keeper.member)
    assert owner("GET", "/namespaces/notes/bounds").json()["done"]["purged_entries"] == 4


def test_nobody_empties_more_than_the_window_through_the_function(keeper: Keeper) -> None:
    for number in range(3):
        keeper.world.put("a", number)
    call = "SELECT * FROM stateward_trim_history(%s, json_build_array(json_build_object('ns', %s, 'k', 'a')))"  # noqa: E501
    spaces = (keeper.tenant_id, keeper.world.namespace.id)

    assert keeper.rows(call, *spaces) == [(0, 0)]
    bounded(keeper, keep_revisions=2)
    assert keeper.rows(call, *spaces) == [(1, 1)]
    assert valued(keeper, "a") == [3, 2]


def test_bounds_are_for_who_may_give_history_up(keeper: Keeper) -> None:
    path = f"/namespaces/{keeper.world.namespace.name}/bounds"
    agent = Api(keeper.world.agent)  # made the namespace, and may do all but hold, purge and policy
    viewer = Api(make_member(keeper.world.tenant, "viewer"))
    owner = Api(keeper.member)

    assert agent("PUT", path, {"compress_over_bytes": 1000}).status_code == 200
    assert agent("PUT", path, {"keep_revisions": 1}).status_code == 403
    assert viewer("PUT", path, {}).status_code == 403
    assert owner("PUT", path, {"keep_revisions": 0}).status_code == 422
    assert owner("PUT", path, {"keep_revisions": 3}).json()["keep_revisions"] == 3
    assert owner("GET", "/namespaces/nowhere/bounds").status_code == 404
    assert owner("DELETE", path).status_code == 204
    assert owner("GET", path).json()["keep_revisions"] is None
