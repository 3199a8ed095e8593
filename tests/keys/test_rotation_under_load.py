"""A key is turned over while others write: none of them is refused, and everything still opens."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from stateward.gate.keys.counting import ROTATE_AT
from stateward.gate.keys.services import add_messages, rotate_namespace_key
from stateward.tenancy.actors import Call
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.state import World, make_world

WRITERS, WRITES, ROTATIONS = 4, 12, 3


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def versions_in_use(world: World) -> set[int]:
    """The key versions in the headers of the revisions' values."""
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT substring(value FROM 19 FOR 4) FROM stateward_revision")
        return {int.from_bytes(row[0], "big") for row in cursor.fetchall()}


def test_no_write_is_lost_and_every_version_opens(world: World) -> None:
    failures: list[BaseException] = []
    halfway = threading.Barrier(WRITERS + 1)

    def write(writer: int) -> None:
        try:
            for number in range(WRITES):
                if number == WRITES // 2:
                    halfway.wait()
                world.put(f"k-{writer}", number)
        except BaseException as failure:
            failures.append(failure)
            halfway.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    halfway.wait()
    for _ in range(ROTATIONS):
        with tenant_scope(world.tenant.id):
            run_flow(rotate_namespace_key(world.namespace.id, actor=world.actor, call=Call("test")))
    for thread in threads:
        thread.join()
    world.put("last", "after all rotations")

    assert failures == []
    for writer in range(WRITERS):
        for number in range(WRITES):
            assert world.at(f"k-{writer}", version=number + 1).value == number
    assert world.get("last").value == "after all rotations"
    assert {1, ROTATIONS + 1} <= versions_in_use(world)


def test_the_process_that_finds_a_key_worn_turns_it_over_for_all(world: World) -> None:
    """As the data plane does every two seconds."""
    world.put("before", 1)
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_data_key SET messages = %s WHERE purpose = 'value'", (ROTATE_AT,)
        )
    run_flow(add_messages())

    world.put("after", 2)

    assert [world.get(key).value for key in ("before", "after")] == [1, 2]
    assert versions_in_use(world) == {1, 2}
