"""How much is stored: measured as it is, kept by day, and nobody else's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from stateward.kernel.clock import now
from stateward.operations.metrics.storage import Stored, ends, growth, measure
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import World, make_world
from tests.factories.tenants import make_tenant

ALWAYS = (date(2000, 1, 1), date(2100, 1, 1))


@pytest.fixture
def world(database: None) -> World:
    world = make_world()
    booker = world.agent("booker")
    world.namespace("bookings")
    world.namespace("flights")
    world.put("bookings", "a", "x" * 100, by=booker)
    world.put("bookings", "a", "x" * 200, by=booker)
    world.put("bookings", "b", "x" * 50)
    world.put("flights", "c", "x" * 10, by=booker)
    world.delete("flights", "c")
    return world


def measured(world: World) -> bool:
    with tenant_scope(world.tenant.id):
        return run_flow(measure(world.tenant.id))


def stored(world: World, dimension: Any) -> dict[str, Stored]:
    with tenant_scope(world.tenant.id):
        found = run_flow(growth(world.tenant.id, dimension, *ALWAYS))
    return {one.label: one for one in found}


def test_entries_live_and_revisions_stay(world: World) -> None:
    assert measured(world)

    (whole,) = stored(world, "tenant").values()
    assert (whole.entries, whole.revisions) == (2, 5)
    assert whole.bytes == 202 + 52  # as JSON texts
    assert whole.revision_bytes == 102 + 202 + 52 + 12
    assert whole.subject == world.tenant.id


def test_each_namespace_and_each_writer_has_its_share(world: World) -> None:
    measured(world)

    places, writers = stored(world, "namespace"), stored(world, "agent")
    assert {name: (one.entries, one.revisions) for name, one in places.items()} == {
        "bookings": (2, 3),
        "flights": (0, 2),
    }
    assert (writers["booker"].revisions, writers["booker"].bytes) == (3, 202)
    for by in (places, writers):
        assert sum(one.revision_bytes for one in by.values()) == 368


def test_measuring_again_replaces_the_day(world: World) -> None:
    measured(world)
    world.put("bookings", "d", "x")
    rest(world)

    assert measured(world)

    (whole,) = stored(world, "tenant").values()
    assert whole.entries == 3


def test_what_takes_long_is_measured_less_often(world: World) -> None:
    measured(world)
    rest(world, seconds=60)

    assert not measured(world)


def rest(world: World, seconds: float = 0) -> None:
    """As if measuring had taken so long."""
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE stateward_storage_day SET seconds = %s", (seconds,))


def test_past_days_stay_and_ends_are_the_first_and_the_last(world: World) -> None:
    measured(world)
    today = now().date()
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        for back in (1, 2, 3):
            cursor.execute(
                "INSERT INTO stateward_storage_day SELECT tenant_id, day - %s, dimension, subject,"
                " label, entries, bytes - %s, revisions, revision_bytes, measured_at, seconds"
                " FROM stateward_storage_day WHERE day = %s",
                (back, back, today),
            )
    rest(world)
    measured(world)

    with tenant_scope(world.tenant.id):
        week = (today - timedelta(days=2), today)
        days = run_flow(growth(world.tenant.id, "tenant", *week))
        found = run_flow(ends(world.tenant.id, "tenant", *week))

    assert [one.bytes for one in days] == [252, 253, 254]
    assert [one.day for one in found] == [week[0], today]


def test_a_tenant_with_nothing_has_a_row_of_nothing(database: None) -> None:
    tenant = make_tenant()
    with tenant_scope(tenant.id):
        run_flow(measure(tenant.id))
        (whole,) = run_flow(growth(tenant.id, "tenant", *ALWAYS))

    assert (whole.entries, whole.bytes, whole.revisions) == (0, 0, 0)


def test_another_tenant_sees_nothing_of_it(world: World) -> None:
    measured(world)
    other = make_tenant()

    with tenant_scope(other.id):
        run_flow(measure(other.id))
        assert run_flow(growth(world.tenant.id, "namespace", *ALWAYS)) == []
        assert run_flow(growth(other.id, "namespace", *ALWAYS)) == []
