"""Going back: a restore writes exactly what differs, once, and gives the cut, whoever writes
meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings

from stateward.kernel.errors import NotFound, StatewardError
from stateward.state.cuts import Cut, cut_now
from stateward.state.services import restoring
from stateward.state.services.checkpoints import (
    delete_checkpoint,
    find_checkpoint,
    list_checkpoints,
    make_checkpoint,
)
from stateward.state.services.namespaces import update_namespace
from stateward.state.services.restoring import Restored, restore_cut
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, audit_records, make_namespace
from tests.servers import database_url
from tests.state.test_cuts import ACTS, anew, state_at


def restore(world: World, cut: Cut, **how: Any) -> Restored:
    with tenant_scope(world.tenant.id):
        return restore_cut(world.actor, CALL, world.namespace.name, cut, **how)


def now(world: World) -> dict[str, Any]:
    return state_at(world, world.run(cut_now()))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=ACTS, after=ACTS)
def test_a_restore_gives_the_cut_and_doing_it_again_does_nothing(
    world: World,
    before: list[tuple[str, int | None]],
    after: list[tuple[str, int | None]],
) -> None:
    fresh = anew(world)

    def act(acts: list[tuple[str, int | None]]) -> None:
        for key, value in acts:
            if value is not None:
                fresh.put(key, value, labels={"n": str(value % 2)})
            elif key in now(fresh):
                fresh.delete(key)

    act(before)
    cut, was = fresh.run(cut_now()), now(fresh)
    act(after)
    differ = {key for key in now(fresh) | was if now(fresh).get(key) != was.get(key)}

    would = restore(fresh, cut, dry_run=True)
    done = restore(fresh, cut)

    assert {item.key for item in done.items} == differ
    assert [(one.key, one.change) for one in would.items] == [
        (one.key, one.change) for one in done.items
    ]
    assert now(fresh) == was
    assert restore(fresh, cut).items == []


def test_a_restore_is_written_as_new_revisions_and_audited(world: World) -> None:
    world.put("a", 1, labels={"x": "y"}, ttl_seconds=1000.0)
    world.put("gone", 1)
    cut = world.run(cut_now())
    world.put("a", 2, labels=None, ttl_seconds=None)
    world.put("new", 1)
    world.delete("gone")

    done = restore(world, cut, because={"label": "before"})

    assert [(i.key, i.change, i.version, i.from_version) for i in done.items] == [
        ("a", "changed", 3, 1), ("gone", "created", 3, 1), ("new", "deleted", 2, None),
    ]  # fmt: skip
    entry = world.get("a")
    assert (entry.value, dict(entry.labels)) == (1, {"x": "y"})
    assert 0 < (entry.expires_at - entry.updated_at).total_seconds() <= 1000
    assert [item[1] for item in world.history("a")] == ["restore", "put", "put"]
    assert [item[1] for item in world.history("new")] == ["delete", "put"]
    assert len(audit_records(world.tenant.id)) >= 5 + 3 + 1


def test_larger_restores_go_on_from_the_key_they_stopped_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = world.run(cut_now())
    for number in range(5):
        world.put(f"k{number}", number)
    monkeypatch.setattr(restoring, "MAX_ENTRIES", 2)

    parts, after = [], ""
    while after is not None:
        done = restore(world, cut, after=after)
        parts.append([item.key for item in done.items])
        after = done.next_after

    assert parts == [["k0", "k1"], ["k2", "k3"], ["k4"]]
    assert now(world) == {}


def test_a_purged_revision_is_told_of_and_its_entry_left_as_it_is(world: World) -> None:
    world.put("kept", 1)
    world.put("purged", 1)
    cut = world.run(cut_now())
    for key in ("kept", "purged"):
        world.put(key, 2)
    about = connection.settings_dict
    with psycopg.connect(database_url("postgres", int(about["PORT"]), about["NAME"])) as session:
        session.execute(
            "UPDATE stateward_revision SET value = NULL, value_hash = NULL "
            "WHERE namespace_id = %s AND key = 'purged' AND version = 1",
            (world.namespace.id,),
        )

    done = restore(world, cut)

    assert ([item.key for item in done.items], done.lost) == (["kept"], ["purged"])
    assert now(world) == {"kept": 1, "purged": 2}


def test_what_may_not_be_written_keeps_all_of_it_from_being_restored(world: World) -> None:
    schema = {"type": "integer"}
    world.put("a", "text")
    world.put("b", 1)
    cut = world.run(cut_now())
    world.put("a", 2)
    world.put("b", 2)

    with tenant_scope(world.tenant.id):
        update_namespace(world.actor, CALL, world.namespace.name, {"schema": schema})

    with pytest.raises(StatewardError) as refused:
        restore(world, cut)

    assert refused.value.code == "schema_violation"
    assert now(world) == {"a": 2, "b": 2}


@pytest.mark.parametrize("mode", ["versioned", "merge"])
def test_a_restore_works_in_modes_that_ask_for_a_version(world: World, mode: str) -> None:
    place = replace(
        world, namespace=make_namespace(world.actor, f"m.n{uuid4().hex}", concurrency=mode)
    )
    place.put("a", {"n": 1}, if_none=True)
    cut = place.run(cut_now())
    place.put("a", {"n": 2, "m": 1}, if_version=1)

    restore(place, cut)

    assert now(place) == {"a": {"n": 1}}


def test_writers_that_go_on_lose_nothing_and_keep_no_restore_from_ending(world: World) -> None:
    keys = [f"k{number}" for number in range(20)]
    for key in keys:
        world.put(key, "before")
    cut = world.run(cut_now())
    written: list[int] = []
    stop = False

    def write() -> None:
        try:
            while not stop:
                outcome = world.put(keys[len(written) % 20], "after")
                written.append(outcome.entry.version if outcome.entry else 0)
        finally:
            connection.close()

    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            restore(world, cut)
    finally:
        stop = True
        writer.join()
    restore(world, cut)

    assert now(world) == dict.fromkeys(keys, "before")
    for key in keys:
        versions = [version for version, _ in world.history(key)]
        assert versions == list(range(len(versions), 0, -1))


def test_checkpoints_are_made_listed_found_and_deleted(world: World) -> None:
    name = world.namespace.name
    with tenant_scope(world.tenant.id):
        made = [make_checkpoint(world.actor, CALL, name, f"c{number}") for number in range(3)]
        page, before = list_checkpoints(world.actor, CALL, name, limit=2)
        rest, end = list_checkpoints(world.actor, CALL, name, before=before, limit=2)

        assert [one.label for one in page + rest] == ["c2", "c1", "c0"]
        assert end is None
        assert find_checkpoint(world.actor, CALL, name, made[0].id) == made[0]
        delete_checkpoint(world.actor, CALL, name, made[0].id)
        with pytest.raises(NotFound):
            find_checkpoint(world.actor, CALL, name, made[0].id)
        other = make_namespace(world.actor, f"o.n{uuid4().hex}")
        with pytest.raises(NotFound):
            find_checkpoint(world.actor, CALL, other.name, made[1].id)
