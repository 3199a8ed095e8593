"""Versions of a namespace's schema: checked against what is stored, activated, migrated to, taken
back.
"""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from governance.schemas import queries, running, services
from governance.schemas.models import SchemaRun
from stateward.kernel.errors import StatewardError
from stateward.operations.jobs.carrying import carry_out
from stateward.operations.jobs.interruptions import Cancelled
from stateward.operations.jobs.registry import jobs
from stateward.state.entries import Principal
from stateward.state.exceptions import (
    SchemaBusy,
    SchemaState,
    SchemaVersionRefused,
    SchemaVersionUnavailable,
    SchemaViolation,
)
from stateward.state.models import Namespace
from stateward.state.queries import get_entry, list_entries
from stateward.state.services import entries
from stateward.state.services.namespaces import update_namespace
from stateward.tenancy.scope import tenant_scope
from tests.factories.filling import fill
from tests.factories.state import CALL, World, actor_of, make_world
from tests.factories.tenants import make_agent

ENTRIES = int(os.environ.get("STATEWARD_TEST_SCHEMA_ENTRIES", "3000"))

pytestmark = pytest.mark.usefixtures("database")

V1 = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
V2 = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 2}},
    "required": ["name"],
    "additionalProperties": False,
}
STEPS = [{"step": "rename", "path": "/n", "to": "name"}]


@pytest.fixture
def world() -> World:
    return make_world("builder", schema=V1)


def scoped(world: World, act: Callable[..., Any], *args: Any, **how: Any) -> Any:
    with tenant_scope(world.tenant.id):
        return act(world.actor, CALL, world.namespace.name, *args, **how)


def draft(world: World, **fields: Any) -> int:
    return int(scoped(world, services.draft, {"schema": V2, **fields})[1].number)


def start(world: World, number: int, kind: str, **how: Any) -> SchemaRun:
    return scoped(world, services.start_run, number, kind, **how)  # type: ignore[no-any-return]


def finish(world: World, run: SchemaRun) -> SchemaRun:
    assert run.job_run is not None
    for _ in range(50):  # a long one is set aside when its turn is over, and goes on
        carry_out(run.job_run, jobs().__getitem__)
        found: SchemaRun = scoped(world, queries.run, run.id).run
        if not found.is_open:
            break
    return found


def do(world: World, number: int, kind: str, **how: Any) -> SchemaRun:
    return finish(world, start(world, number, kind, **how))


def namespace_of(world: World) -> Namespace:
    with tenant_scope(world.tenant.id):
        return Namespace.objects.get(id=world.namespace.id)


def value(world: World, key: str, known: int | None = None) -> Any:
    flow = get_entry(world.actor, CALL, world.namespace.name, key, known=known)
    return world.run(flow).value  # type: ignore[union-attr]


def states(world: World) -> dict[int, tuple[str, str]]:
    _, found = scoped(world, queries.versions)
    return {one.number: (one.state, one.coverage) for one in found}


def test_a_check_reads_every_entry_and_names_what_fails(world: World) -> None:
    for number in range(5):
        world.put(f"k{number}", {"n": "x" * (number % 2 + 1)})
    number = draft(world, steps=STEPS)

    run = do(world, number, "check")

    assert run.state == "done"
    assert run.counts == {"entries": 5, "fitting": 2, "failing": 3}
    seen = scoped(world, queries.run, run.id)
    assert [one["key"] for one in seen.samples] == ["k0", "k2", "k4"]
    assert seen.samples[0]["errors"][0]["pointer"] == "/name"
    assert value(world, "k0") == {"n": "x"}


def test_an_activation_is_refused_while_stored_values_break_it(world: World) -> None:
    world.put("a", {"n": "Mia"})
    number = draft(world)

    run = do(world, number, "activate")

    assert (run.state, run.counts["failing"]) == ("refused", 1)
    assert states(world) == {1: ("active", "stored"), 2: ("draft", "")}
    assert namespace_of(world).pending_version is None
    world.put("b", {"n": "still the first"})


def test_only_new_writes_can_be_said_and_is_on_record(world: World) -> None:
    world.put("a", {"n": "Mia"})

    run = do(world, draft(world), "activate", only_new_writes=True)

    assert run.state == "done"
    assert states(world) == {1: ("retired", ""), 2: ("active", "new_writes")} | {
        1: ("retired", "stored")
    }
    with pytest.raises(SchemaViolation):
        world.put("b", {"n": "old"})
    world.put("b", {"name": "new"})


def test_a_migration_brings_each_value_and_then_activates(world: World) -> None:
    for number in range(3):
        world.put(f"k{number}", {"n": f"name {number}"}, labels={"a": "b"})
    number = draft(world, steps=STEPS)

    run = do(world, number, "migrate", note="Names are names.")

    assert (run.state, run.counts["failing"], run.counts["migrated"]) == ("done", 0, 3)
    assert states(world)[2] == ("active", "stored")
    entry = world.get("k1")
    assert entry.value == {"name": "name 1"}
    assert (entry.version, entry.labels) == (2, {"a": "b"})
    page = world.run(list_entries(world.actor, CALL, world.namespace.name, prefix="k", known=1))
    assert [one.value for one in page.entries] == [{"n": f"name {n}"} for n in range(3)]
    assert world.history("k1") == [(2, "migrate"), (1, "put")]


def test_a_migration_stops_at_its_errors_and_can_be_taken_back(world: World) -> None:
    world.put("a", {"n": "Mia"})
    world.put("b", {"n": "x"})
    number = draft(world, steps=STEPS)

    run = do(world, number, "migrate")
    assert (run.state, run.counts["failing"]) == ("stopped", 1)
    assert namespace_of(world).schema_version == 1
    assert value(world, "a") == {"name": "Mia"}

    undo = finish(world, scoped(world, services.undo_run, run.id))
    assert (undo.state, undo.counts["taken_back"]) == ("done", 1)
    assert value(world, "a") == {"n": "Mia"}


def test_an_undo_leaves_what_was_written_since_and_names_it(world: World) -> None:
    world.put("a", {"n": "Mia"})
    world.put("b", {"n": "Lea"})
    run = do(world, draft(world, steps=STEPS), "migrate")
    world.put("b", {"name": "Leonie"})

    undo = finish(world, scoped(world, services.undo_run, run.id))

    assert undo.state == "done"
    assert (undo.counts["taken_back"], undo.counts["changed_since"]) == (1, 1)
    assert "b" in [one["key"] for one in scoped(world, queries.run, undo.id).samples]
    assert (value(world, "a"), value(world, "b")) == ({"n": "Mia"}, {"name": "Leonie"})
    assert states(world)[1] == ("active", "new_writes")  # b does not fit it, and that is said
    assert value(world, "b", known=1) == {"n": "Leonie"}


def test_a_client_that_knows_the_older_version_reads_and_writes_it(world: World) -> None:
    world.put("a", {"n": "Mia"})
    do(world, draft(world, steps=STEPS), "migrate")

    def put(key: str, new: Any) -> Any:
        flow = entries.put_entry(
            world.actor, CALL, world.namespace.name, key, entries.Put(new), known=1
        )
        return world.run(flow).entry

    assert value(world, "a", known=1) == {"n": "Mia"}
    assert put("c", {"n": "Ada"}).value == {"n": "Ada"}
    assert value(world, "c") == {"name": "Ada"}
    patch = entries.Patch({"n": "Eva"}, is_merge=True)
    flow = entries.patch_entry(world.actor, CALL, world.namespace.name, "a", patch, known=1)
    assert world.run(flow).entry.value == {"n": "Eva"}  # type: ignore[union-attr]
    assert value(world, "a") == {"name": "Eva"}
    with pytest.raises(SchemaViolation):
        put("c", {"name": "not of that version"})
    with pytest.raises(SchemaVersionRefused):
        put("c", {"n": "x"})  # too short a name where it is stored
    with pytest.raises(SchemaVersionUnavailable):
        value(world, "a", known=9)


def test_what_throws_something_away_cannot_be_read_as_before(world: World) -> None:
    world.put("a", {"n": "Mia"})
    steps = [*STEPS, {"step": "remove", "path": "/more"}]
    do(world, draft(world, steps=steps), "migrate")

    with pytest.raises(SchemaVersionUnavailable):
        value(world, "a", known=1)


def test_a_write_in_flight_is_counted(world: World, dsn: str) -> None:
    """A write whose statement began before the version was pending, and is not committed yet."""
    world.put("a", {"n": "Mia"})
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT epoch FROM stateward_epoch WHERE tenant_id = %s", [world.tenant.id])
    number = draft(world, schema={"type": "object", "required": ["n", "more"]})
    update = "UPDATE stateward_entry SET updated_at = updated_at WHERE key = 'a'"
    with psycopg.connect(dsn) as other:
        other.execute("SELECT set_config('stateward.tenant', %s, false)", [str(world.tenant.id)])
        other.execute(update)
        run = start(world, number, "activate")
        waiter = threading.Thread(target=lambda: (finish(world, run), connection.close()))
        waiter.start()
        waiter.join(1.0)
        assert waiter.is_alive()  # it waits for the transaction that was there before
        assert scoped(world, queries.run, run.id).run.counts.get("entries") is None
        with pytest.raises(SchemaViolation):
            world.put("b", {"n": "too late"})
        other.commit()
        waiter.join(20)
    assert not waiter.is_alive()
    assert scoped(world, queries.run, run.id).run.state == "refused"


class Killed(BaseException):
    """A worker that is gone from one line to the next."""


def test_a_killed_migration_goes_on_and_writes_each_value_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        world.put(f"k{number}", {"n": f"name {number}"})
    number = draft(world, steps=STEPS)
    monkeypatch.setattr("governance.schemas.entries.PAGE", 2)
    monkeypatch.setattr(running, "PAGE", 2)
    run = start(world, number, "migrate")
    deaths = iter([3, 6, 9])
    real, calls = running.brought, 0
    due = next(deaths)

    def dying(*args: Any, **how: Any) -> Any:
        nonlocal calls, due
        calls += 1
        if calls == due:
            due = next(deaths, 0)
            raise Killed
        return real(*args, **how)

    monkeypatch.setattr(running, "brought", dying)
    for _ in range(3):
        with pytest.raises(Killed):
            carry_out(run.job_run, jobs().__getitem__)
        expire_lease(run.job_run)
    done = finish(world, run)

    assert (done.state, done.counts["failing"]) == ("done", 0)
    assert [value(world, f"k{n}") for n in range(7)] == [{"name": f"name {n}"} for n in range(7)]
    assert {len(world.history(f"k{n}")) for n in range(7)} == {2}


def expire_lease(run_id: UUID | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_job_open SET beat_at = now() - interval '1 hour' WHERE run_id = %s",
            [run_id],
        )


def test_a_cancelled_activation_leaves_nothing_pending(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("a", {"n": "Mia"})
    number = draft(world, schema=V1 | {"title": "Another"})

    def cancelled(*args: Any, **how: Any) -> None:
        raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr(running, "fits", cancelled)
        run = do(world, number, "activate")

    assert run.state == "cancelled"
    assert namespace_of(world).pending_version is None
    assert do(world, number, "activate").state == "done"


def test_one_run_at_a_time_changes_a_namespace(world: World) -> None:
    number = draft(world)
    with pytest.raises(SchemaState):
        start(world, 1, "migrate")
    start(world, number, "activate")

    with pytest.raises(SchemaBusy):
        start(world, number, "activate")


def test_settings_activate_for_what_is_written_from_now_on(world: World) -> None:
    world.put("a", {"n": "Mia"})
    with tenant_scope(world.tenant.id):
        update_namespace(world.actor, CALL, world.namespace.name, {"schema": V2})

    assert states(world) == {1: ("retired", "stored"), 2: ("active", "new_writes")}
    assert do(world, 2, "check").counts["failing"] == 1
    assert do(world, 1, "activate").state == "done"  # back to the first, which all fits
    assert namespace_of(world).schema == V1


def test_a_preview_writes_nothing(world: World) -> None:
    world.put("a", {"n": "Mia"})
    world.put("b", {"n": "x"})
    number = draft(world, steps=STEPS)

    found, following = scoped(world, queries.preview, number)

    assert [(one.key, one.before, one.after) for one in found] == [
        ("a", {"n": "Mia"}, {"name": "Mia"}),
        ("b", {"n": "x"}, None),
    ]
    assert found[1].errors[0]["pointer"] == "/name"
    assert following is None
    assert world.history("a") == [(1, "put")]


def test_who_may_not_change_the_namespace_starts_nothing(world: World) -> None:
    number = draft(world)
    reader = make_reader(world)

    with tenant_scope(world.tenant.id), pytest.raises(StatewardError) as refused:
        services.start_run(reader, CALL, world.namespace.name, number, "check")
    assert refused.value.status == 403


def make_reader(world: World) -> Any:
    return actor_of(make_agent(world.tenant, "reader"), world.tenant)


@pytest.fixture
def dsn() -> str:
    settings = connection.settings_dict
    return (
        f"host={settings['HOST']} port={settings['PORT']} dbname={settings['NAME']} "
        f"user={settings['USER']} password={settings['PASSWORD']}"
    )


def test_a_check_holds_one_page_in_memory_whatever_the_namespace_holds(world: World) -> None:
    big = world.another()
    by = Principal("agent", world.agent.id, world.agent.name)
    fill(world.tenant.id, big.namespace.id, by, ENTRIES)
    number = draft(big, schema={"properties": {"n": {"type": "integer", "maximum": ENTRIES - 3}}})
    run = start(big, number, "check")

    tracemalloc.start()
    try:
        done = finish(big, run)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert done.counts == {"entries": ENTRIES, "fitting": ENTRIES - 2, "failing": 2}
    assert peak < 16 * 1024 * 1024
