"""Rules about acts that are odd together: what fires each, and what comes close and must not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from governance.detection.rules.acts import is_odd, walked
from governance.detection.sightings import Sighting
from stateward.kernel.ids import uuid7
from stateward.state.models import Hold
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, make_world
from tests.detection.scenes import acting, look, minutes_ago, said, write
from tests.factories.api import Api

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world() -> World:
    made = make_world()
    made.namespace("plans")
    made.agent("booker")
    return made


def threshold(world: World, rule: str, **values: int) -> None:
    with tenant_scope(world.tenant.id):
        api = Api(Member.objects.get(id=world.owner.id))
    answer = api("PATCH", f"/detection/rules/{rule}", {"thresholds": values})
    assert answer.status_code == 200, answer.content


def refuse(world: World, key: str, **more: Any) -> None:
    write(
        world.agents["booker"], "state.read_value", outcome="deny_no_match",
        about=("entry", str(uuid7())), personal={"key": key}, **more,
    )  # fmt: skip


def test_10_numbers_tried_one_after_the_other_fire(world: World) -> None:
    for number in (3, 1, 2, 8, 7, 6, 5, 4):
        refuse(world, f"case-{number}")

    look(world.tenant)

    assert said(world.tenant, "numbered_walk") == [
        "booker asked for 8 things one number after the other, and was refused."
    ]


def test_10_scattered_numbers_and_few_and_slow_ones_do_not(world: World) -> None:
    for number in range(0, 40, 2):
        refuse(world, f"case-{number}")
    for number in range(7):
        refuse(world, f"plan-{number}")
    refuse(world, "plan-7", ago=minutes_ago(45))

    look(world.tenant)

    assert said(world.tenant, "numbered_walk") == []


@given(st.sets(st.integers(0, 60)), st.integers(2, 8))
def test_a_walk_is_every_row_that_is_long_enough_and_nothing_else(
    numbers: set[int], least: int
) -> None:
    found = [sighting(f"k{number}") for number in numbers]

    taken = {int((one.key or "k0")[1:]) for one in walked(found, least)}

    for number in numbers:
        low = high = number
        while low - 1 in numbers:
            low -= 1
        while high + 1 in numbers:
            high += 1
        assert (number in taken) == (high - low + 1 >= least)


def sighting(key: str) -> Sighting:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return Sighting(
        uuid4(), at, "agent", uuid4(), "a", "state.write", "deny_no_match", "entry", "x", key=key
    )


def test_15_a_policy_put_in_force_outside_hours_fires_and_within_them_does_not(
    world: World,
) -> None:
    threshold(world, "policy_at_night", first_hour=23, last_hour=1)  # never
    write(world.owner, "policy.activate", about=("policy", str(uuid7())))
    look(world.tenant)
    assert said(world.tenant, "policy_at_night") == [
        "Ines Okafor put a policy in force outside working hours."
    ]
    quiet = make_world()
    write(quiet.agent("ci"), "policy.activate", about=("policy", str(uuid7())))
    look(quiet.tenant)
    assert said(quiet.tenant, "policy_at_night") == []


def test_15_working_hours_are_those_of_weekdays() -> None:
    monday, sunday = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 22, 12, tzinfo=UTC)

    at = {hour: is_odd(monday.replace(hour=hour), 6, 20) for hour in (5, 6, 19, 20)}

    assert at == {5: True, 6: False, 19: False, 20: True}
    assert is_odd(sunday, 6, 20)


def delete(world: World, number: int, by: str = "booker") -> None:
    for _ in range(number):
        write(world.agents[by], "state.delete", about=("entry", str(uuid7())))


def test_18_much_that_is_deleted_at_once_fires(world: World) -> None:
    threshold(world, "bulk_deletion", deletions=20)
    delete(world, 20)

    look(world.tenant)

    assert said(world.tenant, "bulk_deletion") == ["booker deleted 20 entries in a short time."]


def test_18_as_much_of_two_principals_and_of_retention_does_not(world: World) -> None:
    threshold(world, "bulk_deletion", deletions=20)
    world.agent("other")
    delete(world, 19)
    delete(world, 19, by="other")
    for _ in range(20):
        write(acting_system(world), "state.purge", about=("entry", str(uuid7())))

    look(world.tenant)

    assert said(world.tenant, "bulk_deletion") == []


def acting_system(world: World) -> Any:
    with tenant_scope(world.tenant.id):
        member = Member.objects.select_related("person").get(id=world.owner.id)
        return acting(member, type="system", name="retention")


def hold(world: World, namespace: str, *, days_ago: int | None) -> None:
    """A hold that was released so long ago; None: it holds."""
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        made = Hold.objects.create(
            tenant_id=world.tenant.id, matter="M-7", reason="r", namespace=namespace,
            placed_by_type="member", placed_by_id=world.owner.id, placed_by_name="Ines",
            released_by_name="Ines Okafor" if days_ago is not None else "",
        )  # fmt: skip
        if days_ago is not None:
            cursor.execute(
                "UPDATE stateward_hold SET released_at = now() - make_interval(days => %s, "
                "mins => 1) WHERE id = %s",
                (days_ago, made.id),
            )


def test_19_deletion_soon_after_a_hold_was_released_fires(world: World) -> None:
    hold(world, "plans", days_ago=2)
    world.put("plans", "k", 1)
    world.delete("plans", "k")

    look(world.tenant)

    assert said(world.tenant, "deletion_after_hold") == [
        "1 entry was deleted where M-7 had held them, after Ines Okafor released it."
    ]


def test_19_deletion_long_after_or_elsewhere_does_not(world: World) -> None:
    hold(world, "plans", days_ago=8)
    hold(world, "plan", days_ago=1)  # no neighbour of the name
    world.put("plans", "k", 1)
    world.delete("plans", "k")

    look(world.tenant)

    assert said(world.tenant, "deletion_after_hold") == []


def test_26_one_entry_written_again_and_again_fires_and_many_entries_do_not(
    world: World,
) -> None:
    threshold(world, "runaway_agent", writes=20)
    calm = world.agent("calm")
    for number in range(45):  # whatever minute it is: two at most
        write(world.agents["booker"], "state.write", about=("entry", "x"), personal={"key": "k"})
        write(calm, "state.write", about=("entry", "x"), personal={"key": f"k{number}"})

    look(world.tenant)

    (found,) = said(world.tenant, "runaway_agent")
    assert found.startswith("booker wrote one entry ")
    assert found.endswith(" times within a minute: it may turn in a circle.")
