"""A namespace's analytics: equal to what its raw rows say, and shown to who may know."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest
from django.db import connection

from stateward.kernel.errors import PreconditionFailed
from stateward.operations.metrics.analytics import analyse
from stateward.operations.metrics.storage import measure
from stateward.state import queries
from stateward.state.usage import USAGE, add_usage
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api
from tests.factories.state import CALL, World, make_namespace, make_world
from tests.factories.tenants import make_member

SUPERUSER = os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world(database: None) -> World:
    USAGE.forget()
    return make_world("builder")


@pytest.fixture
def owner(world: World) -> Api:
    return Api(make_member(world.tenant, "owner"))


def counted(world: World) -> None:
    run_flow(add_usage())
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_namespace_standing SET at = at - interval '1 day'"
            " WHERE tenant_id = %s",
            (world.tenant.id,),
        )
        run_flow(measure(world.tenant.id))
        assert run_flow(analyse(world.tenant.id))


def raw(world: World, sql: str) -> tuple[Any, ...]:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(sql, (world.tenant.id, world.namespace.id))
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def look(world: World, api: Api, query: str = "") -> dict[str, Any]:
    answer = api("GET", f"/namespaces/{world.namespace.name}/analytics{query}")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_the_numbers_are_those_of_the_raw_rows(world: World, owner: Api) -> None:
    for number in range(12):
        world.put(f"k{number % 4}", "x" * number)
    world.delete("k3")
    for _ in range(3):
        with pytest.raises(PreconditionFailed):
            world.put("k0", 1, if_version=99)
    counted(world)

    found = look(world, owner)

    today = found["days"][-1]
    writes, keys, value_bytes, sealed = raw(
        world,
        "SELECT count(*), count(DISTINCT key), sum(size_bytes), 2 * sum(octet_length(value))"
        " FROM stateward_revision WHERE tenant_id = %s AND namespace_id = %s",
    )
    (records,) = raw(
        world,
        "SELECT sum(octet_length(record)) FROM stateward_audit_record WHERE tenant_id = %s"
        " AND namespace_id = %s AND resource_type = 'entry'",
    )
    assert (writes, keys) == (13, 4)
    assert (today["writes"], today["removals"], today["keys_written"]) == (13, 1, 4)
    assert (today["value_bytes"], today["stored_bytes"]) == (value_bytes, sealed + records)
    assert today["write_amplification"] == round((sealed + records) / value_bytes, 4)
    assert (today["conflicts"], today["conflict_rate"]) == (3, round(3 / 16, 4))
    assert (today["entries"], today["revisions"]) == (3, 13)
    assert len(found["days"]) == 30
    assert found["hottest"][0] == {"key": "k0", "writes": 3}
    assert [one["key"] for one in found["largest"]] == ["k2", "k1", "k0"]
    assert found["dead"]["keys"] == 0


def test_counting_again_changes_nothing(world: World, owner: Api) -> None:
    world.put("a", 1)
    world.put("a", 2)
    counted(world)
    first = look(world, owner)

    counted(world)

    assert look(world, owner) | {"analysed_at": ""} == first | {"analysed_at": ""}


def test_a_key_is_dead_after_as_many_days_as_the_namespace_says(world: World, owner: Api) -> None:
    world.put("old", "x" * 8)
    world.put("young", 1)
    with psycopg.connect(SUPERUSER, autocommit=True) as session:
        session.execute(
            "UPDATE stateward_entry SET updated_at = updated_at - interval '12 days'"
            " WHERE tenant_id = %s AND key = 'old'",
            (world.tenant.id,),
        )
    counted(world)
    before = look(world, owner)["dead"]
    owner("PUT", f"/namespaces/{world.namespace.name}/bounds", {"dead_after_days": 10})

    counted(world)

    after = look(world, owner)["dead"]
    assert (before["after_days"], before["keys"]) == (30, 0)
    assert (after["after_days"], after["keys"], after["bytes"]) == (10, 1, 10)
    assert [one["key"] for one in after["oldest"]] == ["old"]


def test_reads_are_counted_and_keep_a_confidential_key_alive(world: World, owner: Api) -> None:
    make_namespace(world.actor, "secrets", classification="confidential")
    world.put("read", 1, name="secrets")
    world.put("unread", 1, name="secrets")
    with psycopg.connect(SUPERUSER, autocommit=True) as session:
        session.execute(
            "UPDATE stateward_entry SET updated_at = updated_at - interval '40 days'"
            " WHERE tenant_id = %s",
            (world.tenant.id,),
        )
    world.run(queries.get_entry(world.actor, CALL, "secrets", "read"))
    counted(world)

    found = owner("GET", "/namespaces/secrets/analytics?days=1").json()

    assert [one["key"] for one in found["dead"]["oldest"]] == ["unread"]
    assert (len(found["days"]), found["days"][0]["reads"]) == (1, 1)


def test_who_may_not_know_of_a_namespace_or_key_is_told_nothing(world: World) -> None:
    stranger = Api(make_member(make_world("builder").tenant, "owner"))
    world.put("a", 1)
    make_namespace(world.actor, "mine")
    counted(world)

    assert stranger("GET", "/namespaces/mine/analytics").status_code == 404
    assert stranger("GET", f"/namespaces/{world.namespace.name}/analytics").json()["largest"] == []


def test_a_key_that_is_gone_is_not_named(world: World, owner: Api) -> None:
    world.put("a", 1)
    world.put("b", 1)
    counted(world)

    world.delete("a")

    assert [one["key"] for one in look(world, owner)["largest"]] == ["b"]


@pytest.mark.parametrize("days", ["0", "401", "ten", "-1", "9" * 30])
def test_days_that_are_none_are_refused(world: World, owner: Api, days: str) -> None:
    answer = owner("GET", f"/namespaces/{world.namespace.name}/analytics?days={days}")

    assert answer.status_code == 400
