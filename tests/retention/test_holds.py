"""A hold wins: over deletion through every door, expiry, the sweep, namespaces and tenants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from governance.people.acts import system_actor
from governance.people.services.tenants import (
    approve_deletion,
    ask_for_deletion,
    close_tenant,
    delete_due_tenants,
)
from governance.retention.applying import applied_to_key
from stateward.kernel.errors import Forbidden, NotFound, Unprocessable
from stateward.state.configuration import cached_configuration, forget_configurations
from stateward.state.exceptions import NoSuchEntry, UnderHold
from stateward.state.services.namespaces import delete_namespace
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.retention import Keeper, make_keeper
from tests.factories.state import CALL, actor_of, audit_records, make_namespace
from tests.factories.tenants import epoch_of, make_agent, make_member
from tests.retention.sessions import in_thread, wait_until_somebody_waits

Sessions = psycopg.Connection[Any]


@pytest.fixture
def other_session(keeper: Keeper) -> Iterator[Sessions]:
    with psycopg.connect(os.environ["STATEWARD_DATABASE_URL"]) as session:
        session.execute(
            "SELECT set_config('stateward.tenant', %s, false)", (str(keeper.tenant_id),)
        )
        session.commit()
        yield session


SCOPES: list[Any] = [
    pytest.param({}, id="tenant"),
    pytest.param({"namespace": "notes"}, id="namespace"),
    pytest.param({"key_pattern": "a*"}, id="pattern"),
]


@pytest.mark.parametrize("scope", SCOPES)
def test_what_a_hold_covers_is_not_deleted(keeper: Keeper, scope: dict[str, str]) -> None:
    world = keeper.world
    world.put("a1", 1)
    hold = keeper.hold(**scope)

    with pytest.raises(UnderHold):
        world.delete("a1")

    assert world.get("a1").value == 1
    keeper.release(hold)
    assert world.delete("a1").status == 204


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param({"namespace": "note"}, id="name-that-only-begins-alike"),
        pytest.param({"namespace": "notes.deeper"}, id="beneath"),
        pytest.param({"key_pattern": "b*"}, id="other-keys"),
        pytest.param({"namespace": "notes.deeper", "key_pattern": "a*"}, id="both-must-fit"),
    ],
)
def test_what_it_does_not_cover_is(keeper: Keeper, scope: dict[str, str]) -> None:
    keeper.world.put("a1", 1)
    keeper.hold(**scope)

    assert keeper.world.delete("a1").status == 204


def test_a_custodians_hold_keeps_what_they_wrote_last(keeper: Keeper) -> None:
    world = keeper.world
    other = replace(world, actor=actor_of(make_agent(world.tenant, "writer"), world.tenant))
    world.put("theirs", 1)
    other.put("ours", 1)
    keeper.hold(custodian=world.actor)

    with pytest.raises(UnderHold):
        world.delete("theirs")
    assert world.delete("ours").status == 204
    with pytest.raises(NoSuchEntry):
        world.delete("ours")


def test_what_a_custodian_wrote_is_not_purged_though_others_wrote_over_it(
    keeper: Keeper, superuser: str
) -> None:
    world = keeper.world
    other = replace(world, actor=actor_of(make_agent(world.tenant, "writer"), world.tenant))
    world.put("a", "theirs")
    other.put("a", "ours")
    keeper.hold(custodian=world.actor)
    keeper.age(superuser, 31)
    keeper.rule("month", days=30)
    world.delete("a")  # the last writer is another: this only hides what history keeps

    done = keeper.sweep()

    assert (done["purged"], done["held"]) == (0, 1)
    assert keeper.values_left("a") == 2


def test_a_denial_by_hold_is_recorded_and_says_no_more_than_it_should(keeper: Keeper) -> None:
    world = keeper.world
    world.put("a", 1)
    keeper.hold()
    reader = replace(world, actor=actor_of(make_agent(world.tenant, "reader"), world.tenant))
    stranger = replace(world, actor=actor_of(make_agent(world.tenant, "builder"), world.tenant))

    with pytest.raises(UnderHold) as held:
        world.delete("a")
    with pytest.raises(Forbidden) as refused:
        reader.delete("a")
    with pytest.raises(NotFound):
        stranger.delete("a")

    assert "DOT-114" not in str(held.value)
    assert "hold" not in str(refused.value).lower()
    assert held.value.denial["reason"] == "A hold keeps this; nothing in it is deleted."  # type: ignore[attr-defined]


def test_writes_go_on_under_a_hold(keeper: Keeper) -> None:
    world = keeper.world
    world.put("a", 1)
    keeper.hold()

    world.put("a", 2)
    world.patch("a", {"n": 3})
    world.put("b", 1)

    assert [version for version, _ in world.history("a")] == [3, 2, 1]


def test_placing_and_releasing_raise_the_epoch(keeper: Keeper) -> None:
    tenant = keeper.world.tenant
    before = epoch_of(tenant)
    hold = keeper.hold()
    between = epoch_of(tenant)
    keeper.release(hold)

    assert before < between < epoch_of(tenant)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_namespace_with_something_held_stays(keeper: Keeper, scope: dict[str, str]) -> None:
    keeper.world.put("a1", 1)
    hold = keeper.hold(**scope)

    with pytest.raises(UnderHold), tenant_scope(keeper.tenant_id):
        delete_namespace(keeper.owner, CALL, "notes", force=True)

    keeper.release(hold)
    with tenant_scope(keeper.tenant_id):
        delete_namespace(keeper.owner, CALL, "notes", force=True)


def test_a_namespace_of_a_custodian_stays_and_another_goes(keeper: Keeper) -> None:
    keeper.world.put("a", 1)
    make_namespace(keeper.owner, "empty")
    keeper.hold(custodian=keeper.world.actor)

    with pytest.raises(UnderHold), tenant_scope(keeper.tenant_id):
        delete_namespace(keeper.owner, CALL, "notes", force=True)
    with tenant_scope(keeper.tenant_id):
        delete_namespace(keeper.owner, CALL, "empty")


def test_the_sweep_leaves_what_is_held(keeper: Keeper, superuser: str) -> None:
    world = keeper.world
    for key in ("held-1", "free-1"):
        world.put(key, 1)
    keeper.age(superuser, 31)
    keeper.rule("month", days=30)
    hold = keeper.hold(key_pattern="held-*")

    done = keeper.sweep()

    assert (done["purged"], done["held"]) == (1, 1)
    assert (keeper.values_left("held-1"), keeper.values_left("free-1")) == (2, 0)
    keeper.release(hold)
    assert keeper.sweep()["purged"] == 1


def test_a_held_tenant_is_not_deleted(keeper: Keeper, superuser: str) -> None:
    tenant = keeper.world.tenant
    keeper.world.put("a", 1)
    keeper.hold()
    operator = system_actor(None, "test")
    with tenant_scope(tenant.id):
        close_tenant(actor=keeper.owner, call=CALL)
        with pytest.raises(UnderHold):
            ask_for_deletion(actor=keeper.owner, call=CALL, slug=tenant.slug)

    # As if both had been there before the hold was.
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(
            "UPDATE stateward_closure SET asked_by = %s WHERE tenant_id = %s",
            (keeper.member.person_id, tenant.id),
        )
        with pytest.raises(UnderHold), tenant_scope(tenant.id):
            approve_deletion(actor=replace(operator, tenant_id=tenant.id), call=CALL)
        session.execute(
            "UPDATE stateward_closure SET asked_by = %s, approved_by = %s, delete_after = now()"
            " WHERE tenant_id = %s", (PLATFORM, keeper.member.person_id, tenant.id),
        )  # fmt: skip
        assert delete_due_tenants() == []
        with pytest.raises(psycopg.errors.CheckViolation, match="a hold keeps this tenant"):
            session.execute("SELECT stateward_purge_tenant(%s, 1000)", (tenant.id,))
    assert Tenant.objects.filter(id=tenant.id).exists()
    assert keeper.values_left("a") == 2


def test_a_second_tenants_holds_keep_nothing_of_ours(keeper: Keeper) -> None:
    keeper.world.put("a", 1)
    make_keeper().hold()

    assert keeper.world.delete("a").status == 204


def test_the_key_says_which_hold_keeps_it(keeper: Keeper) -> None:
    keeper.world.put("a", 1)
    keeper.hold("DOT-114", key_pattern="a")
    keeper.hold("TAX-9", namespace="elsewhere")
    forget_configurations()

    with tenant_scope(keeper.tenant_id):
        applied = applied_to_key(keeper.world.namespace, "a")

    assert applied is not None
    assert [one.matter for one in applied.holds] == ["DOT-114"]


def test_a_hold_placed_while_a_delete_waits_wins(keeper: Keeper, other_session: Sessions) -> None:
    """The delete was decided and waits for the key's row; then the hold is placed."""
    world = keeper.world
    world.put("a", 1)
    other_session.execute(
        "SELECT FROM stateward_entry WHERE tenant_id = %s AND key = 'a' FOR UPDATE",
        (keeper.tenant_id,),
    )
    deleting, outcome = in_thread(lambda: world.delete("a"))
    wait_until_somebody_waits("stateward_write")

    keeper.hold()
    other_session.rollback()
    deleting.join()

    assert isinstance(outcome[0], UnderHold)
    assert world.get("a").value == 1


def test_a_custodian_who_writes_while_a_delete_waits_is_kept(
    keeper: Keeper, other_session: Sessions
) -> None:
    """What the delete was decided on is somebody else's version; the row it gets is not."""
    world = keeper.world
    other = replace(world, actor=actor_of(make_agent(world.tenant, "writer"), world.tenant))
    other.put("a", "ours")
    keeper.hold(custodian=world.actor)
    other_session.execute(
        "UPDATE stateward_entry SET version = version + 1, actor_id = %s"
        " WHERE tenant_id = %s AND key = 'a'",
        (world.actor.id, keeper.tenant_id),
    )
    deleting, outcome = in_thread(lambda: other.delete("a"))
    wait_until_somebody_waits("stateward_write")

    other_session.commit()
    deleting.join()

    assert isinstance(outcome[0], UnderHold)


def test_a_hold_waits_for_the_purge_that_is_under_way_and_stops_the_next(
    keeper: Keeper, superuser: str
) -> None:
    """A purge holds the epoch's row: the hold comes after it, never in its middle."""
    with psycopg.connect(superuser) as purging:
        purging.execute(
            "SELECT FROM stateward_epoch WHERE tenant_id = %s FOR SHARE", (keeper.tenant_id,)
        )
        placing, outcome = in_thread(keeper.hold)
        wait_until_somebody_waits("stateward_epoch")
        assert (
            keeper.rows("SELECT 1 FROM stateward_hold WHERE tenant_id = %s", keeper.tenant_id) == []
        )
        purging.rollback()
        placing.join()

    assert outcome == [None]
    assert len(keeper.rows("SELECT 1 FROM stateward_hold")) == 1


def test_holds_are_cached_with_the_rest_and_forgotten_with_it(keeper: Keeper) -> None:
    world = keeper.world
    forget_configurations()
    world.put("a", 1)
    assert cached_configuration(keeper.tenant_id, 60).holds.all == ()  # type: ignore[union-attr]
    hold = keeper.hold()

    with pytest.raises(UnderHold):
        world.delete("a")

    assert [one.id for one in cached_configuration(keeper.tenant_id, 60).holds.all] == [hold.id]  # type: ignore[union-attr]


def test_what_was_done_about_a_hold_is_on_record(keeper: Keeper) -> None:
    hold = keeper.hold(namespace="notes")
    keeper.release(hold)

    found = [action for action, _, _ in audit_records(keeper.tenant_id)]

    assert [one for one in found if one.startswith("hold.")] == ["hold.place", "hold.release"]


@pytest.mark.parametrize(("role", "may_place"), [("admin", True), ("editor", False)])
def test_who_may_place_and_who_may_release(keeper: Keeper, role: str, may_place: bool) -> None:
    member = make_member(keeper.world.tenant, role)
    other = replace(keeper, owner=replace(keeper.owner, id=member.id, roles=(role,)))
    hold = keeper.hold()

    if may_place:
        other.hold("AUD-1")
    else:
        with pytest.raises(Forbidden):
            other.hold("AUD-1")
    with pytest.raises(Forbidden):
        other.release(hold)


def test_a_members_writing_can_be_kept_too(keeper: Keeper) -> None:
    writer = make_member(keeper.world.tenant, "editor")
    actor = replace(keeper.owner, id=writer.id, roles=("editor",))
    theirs = replace(keeper.world, actor=actor)
    theirs.put("a", 1)

    hold = keeper.hold(custodian=actor)

    assert (hold.custodian_type, hold.custodian_name) == ("member", str(writer.person))
    with pytest.raises(UnderHold):
        theirs.delete("a")


def test_a_custodian_is_somebody_of_this_tenant(keeper: Keeper) -> None:
    stranger = make_keeper()

    for who in (stranger.owner, stranger.world.actor, replace(keeper.owner, type="system")):
        with pytest.raises(Unprocessable):
            keeper.hold(custodian=who)
