"""One entry through its whole life: versions, preconditions, expiry, labels, repeats, the past."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from stateward.kernel.errors import Forbidden, Gone, PreconditionFailed, PreconditionRequired
from stateward.state import queries
from stateward.state.configuration import cached_configuration, load_configuration
from stateward.state.exceptions import (
    BadKey,
    IdempotencyKeyReused,
    NoSuchEntry,
    PatchTestFailed,
    SchemaViolation,
)
from stateward.state.services import entries
from stateward.state.services.expiry import expire_due
from stateward.tenancy.actors import Actor
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import Member
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.state import CALL, World, audit_records, make_world
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world() -> World:
    return make_world()


def test_versions_count_from_one_and_never_repeat(world: World) -> None:
    outcomes = [world.put("a", 1), world.put("a", 2), world.delete("a"), world.put("a", 3)]

    assert [outcome.status for outcome in outcomes] == [201, 200, 204, 201]
    assert world.get("a").version == 4
    assert world.history("a") == [(4, "put"), (3, "delete"), (2, "put"), (1, "put")]


@pytest.mark.parametrize(
    "value", [None, 0, "", [], {}, 10**40, -0.5, {"é": ["\u2028", "😀"]}, [[[]]]]
)
def test_a_value_comes_back_as_it_was(world: World, value: Any) -> None:
    world.put("a", value)

    assert world.get("a").value == value


def test_nothing_in_the_tables_shows_the_value(world: World) -> None:
    world.put("a", {"secret": "canary-4711"})

    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        for table in ("entry", "revision", "change", "audit_record", "idempotency"):
            cursor.execute(
                f"SELECT count(*) FROM stateward_{table} t WHERE t::text LIKE '%canary%'"
            )
            assert cursor.fetchone() == (0,)
            cursor.execute(
                f"SELECT count(*) FROM stateward_{table} t WHERE t::text LIKE '%%' || %s || '%%'",
                (b"canary".hex(),),
            )
            assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("key", ["a", ".x", "ü/".strip("/"), "a b?&#%", "…", "k" * 512, "😀"])
def test_a_key_may_be_almost_any_text(world: World, key: str) -> None:
    world.put(key, 1)

    assert world.get(key).key == key


@pytest.mark.parametrize(
    "key", ["", ".", "..", "a/b", "a\x00", "a\n", "\x7f", "\u0085", "\ud800", "k" * 513]
)
def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(BadKey):
        world.put(key, 1)


class TestPreconditions:
    def test_a_stale_version_is_refused_with_the_current_one(self, world: World) -> None:
        world.put("a", 1)
        world.put("a", 2)

        with pytest.raises(PreconditionFailed) as refused:
            world.put("a", 3, if_version=1)

        assert refused.value.members == {"current_version": 2}
        assert world.get("a").value == 2

    def test_create_only_is_refused_where_there_is_one(self, world: World) -> None:
        world.put("a", 1, if_none=True)

        with pytest.raises(PreconditionFailed):
            world.put("a", 2, if_none=True)

    def test_a_deleted_entry_counts_as_absent(self, world: World) -> None:
        world.put("a", 1)
        world.delete("a")

        with pytest.raises(PreconditionFailed):
            world.put("a", 2, if_version=2)
        assert world.put("a", 2, if_none=True).status == 201

    def test_an_expired_entry_counts_as_absent_before_the_sweep(self, world: World) -> None:
        world.put("a", 1, ttl_seconds=0.01)
        time.sleep(0.02)

        with pytest.raises(PreconditionFailed):
            world.put("a", 2, if_version=1)
        assert world.put("a", 2, if_none=True).status == 201

    def test_deletion_honours_the_version(self, world: World) -> None:
        world.put("a", 1)

        with pytest.raises(PreconditionFailed):
            world.delete("a", if_version=7)
        assert world.delete("a", if_version=1).status == 204

    def test_deleting_what_is_not_there_is_not_found(self, world: World) -> None:
        with pytest.raises(NoSuchEntry):
            world.delete("a")


class TestVersioned:
    @pytest.fixture
    def world(self) -> World:
        return make_world(concurrency="versioned")

    def test_every_change_needs_a_version(self, world: World) -> None:
        world.put("a", 1, if_none=True)

        for change in (
            lambda: world.put("a", 2),
            lambda: world.patch("a", {}),
            lambda: world.delete("a"),
        ):
            with pytest.raises(PreconditionRequired):
                change()

    def test_the_named_version_may_be_changed(self, world: World) -> None:
        world.put("a", {"n": 1}, if_none=True)

        assert world.patch("a", {"n": 2}, if_version=1).entry.version == 2  # type: ignore[union-attr]
        assert world.put("a", 3, if_version=2).status == 200
        assert world.delete("a", if_version=3).status == 204


class TestMembersLeftOut:
    def test_what_a_put_leaves_out_stays(self, world: World) -> None:
        world.put("a", 1, labels={"team": "x"}, ttl_seconds=3600)
        before = world.get("a")

        world.put("a", 2)

        after = world.get("a")
        assert (after.labels, after.expires_at) == (before.labels, before.expires_at)
        assert after.created_at == before.created_at

    def test_null_clears(self, world: World) -> None:
        world.put("a", 1, labels={"team": "x"}, ttl_seconds=3600)

        world.put("a", 2, labels=None, ttl_seconds=None)

        assert (world.get("a").labels, world.get("a").expires_at) == ({}, None)

    def test_a_new_life_begins_with_nothing_of_the_old(self, world: World) -> None:
        world.put("a", 1, labels={"team": "x"}, ttl_seconds=3600)
        world.delete("a")

        entry = world.put("a", 2).entry

        assert entry is not None
        assert (entry.labels, entry.expires_at) == ({}, None)
        assert entry.created_at == entry.updated_at


class TestExpiry:
    def test_what_is_over_reads_as_absent_at_once(self, world: World) -> None:
        world.put("a", 1, ttl_seconds=0.01)
        time.sleep(0.02)

        with pytest.raises(NoSuchEntry):
            world.get("a")
        assert world.run(queries.list_entries(world.actor, CALL, "notes")).entries == []

    def test_the_sweep_writes_a_revision_and_a_record_once(self, world: World) -> None:
        world.put("a", 1, ttl_seconds=0.01)
        world.put("b", 1, ttl_seconds=3600)
        time.sleep(0.02)

        assert [expire_due(world.tenant.id, 10), expire_due(world.tenant.id, 10)] == [1, 0]
        assert world.history("a") == [(2, "expire"), (1, "put")]
        assert ("state.expire", "allow", "a") in audit_records(world.tenant.id)

    def test_a_namespace_gives_new_entries_their_time(self, world: World) -> None:
        brief = world.another(default_ttl_seconds=60)

        first = brief.put("a", 1).entry
        second = brief.put("a", 2).entry

        assert first is not None
        assert second is not None
        assert (first.expires_at - first.created_at).total_seconds() == 60  # type: ignore[operator]
        assert second.expires_at == first.expires_at


class TestRepeats:
    def test_a_repeat_answers_as_the_first_did_and_writes_nothing(self, world: World) -> None:
        repeat = entries.Repeat("key-1", b"the request")
        first = world.put("a", {"n": 1}, repeat=repeat)
        world.put("a", {"n": 2})

        second = world.put("a", {"n": 1}, repeat=repeat)

        assert second.is_replay
        assert (second.status, second.entry) == (first.status, first.entry)
        assert world.get("a").version == 2

    def test_another_request_under_the_key_is_refused(self, world: World) -> None:
        world.put("a", 1, repeat=entries.Repeat("key-1", b"one"))

        with pytest.raises(IdempotencyKeyReused):
            world.put("a", 2, repeat=entries.Repeat("key-1", b"two"))

    def test_what_the_transaction_did_not_decide_is_not_kept(self, world: World) -> None:
        repeat = entries.Repeat("key-1", b"r")
        with pytest.raises(NoSuchEntry):
            world.run(entries.delete_entry(world.actor, CALL, "notes", "a", repeat=repeat))
        world.put("a", 1)

        outcome = world.run(entries.delete_entry(world.actor, CALL, "notes", "a", repeat=repeat))

        assert (outcome.status, outcome.is_replay) == (204, False)

    def test_a_repeated_patch_is_answered_though_it_would_no_longer_apply(
        self, world: World
    ) -> None:
        world.put("a", {"n": 1})
        patch = [
            {"op": "test", "path": "/n", "value": 1},
            {"op": "replace", "path": "/n", "value": 2},
        ]
        repeat = entries.Repeat("key-1", b"r")

        world.patch("a", patch, is_merge=False, repeat=repeat)
        again = world.patch("a", patch, is_merge=False, repeat=repeat)

        assert again.is_replay
        with pytest.raises(PatchTestFailed):
            world.patch("a", patch, is_merge=False)

    def test_the_key_of_another_principal_is_another_key(self, world: World) -> None:
        other = make_world()
        repeat = entries.Repeat("key-1", b"r")
        world.put("a", 1, repeat=repeat)

        assert not other.put("a", 1, repeat=repeat).is_replay


class TestThePast:
    def test_each_version_can_be_read(self, world: World) -> None:
        for value in ("one", "two"):
            world.put("a", value)

        assert [world.at("a", version=version).value for version in (1, 2)] == ["one", "two"]

    def test_a_time_gives_the_newest_revision_up_to_it(self, world: World) -> None:
        first = world.put("a", 1).entry
        second = world.put("a", 2).entry
        assert first is not None
        assert second is not None

        assert world.at("a", as_of=first.updated_at).value == 1
        assert world.at("a", as_of=second.updated_at).value == 2

    def test_before_its_first_and_after_its_end_there_is_nothing(self, world: World) -> None:
        first = world.put("a", 1).entry
        world.delete("a")
        assert first is not None
        before = first.updated_at.replace(year=2020)

        for when in ({"as_of": before}, {"version": 2}, {"version": 9}):
            with pytest.raises(NoSuchEntry):
                world.at("a", **when)

    def test_a_difference_turns_one_version_into_the_other(self, world: World) -> None:
        world.put("a", {"n": 1, "gone": True})
        world.put("a", {"n": 2})

        diff = world.run(queries.entry_diff(world.actor, CALL, "notes", "a", before=1, after=2))

        assert sorted(diff.patch, key=str) == [
            {"op": "remove", "path": "/gone"},
            {"op": "replace", "path": "/n", "value": 2},
        ]

    def test_rolling_back_writes_a_new_version(self, world: World) -> None:
        world.put("a", 1)
        world.put("a", 2)

        world.run(entries.roll_back_entry(world.actor, CALL, "notes", "a", 1))

        assert (world.get("a").value, world.get("a").version) == (1, 3)
        assert world.history("a")[0] == (3, "rollback")

    def test_there_is_no_rolling_back_to_a_deletion(self, world: World) -> None:
        world.put("a", 1)
        world.delete("a")

        with pytest.raises(Gone):
            world.run(entries.roll_back_entry(world.actor, CALL, "notes", "a", 2))

    def test_the_history_goes_on_page_by_page(self, world: World) -> None:
        for number in range(5):
            world.put("a", number)

        page = world.run(queries.entry_history(world.actor, CALL, "notes", "a", limit=2))
        rest = world.run(
            queries.entry_history(
                world.actor, CALL, "notes", "a", before=page.next_before or 0, limit=9
            )
        )

        assert [item.version for item in (*page.items, *rest.items)] == [5, 4, 3, 2, 1]
        assert rest.next_before is None


class TestLists:
    def test_keys_come_in_code_point_order(self, world: World) -> None:
        keys = ["b", "B", "a", "é", "😀", "a2", "a10", "\uffff"]
        for key in keys:
            world.put(key, 1)

        listed = self.keys(world)

        assert listed == sorted(keys)

    def test_a_prefix_and_pages_meet_every_entry_once(self, world: World) -> None:
        for number in range(7):
            world.put(f"x{number}", number)
        world.put("y", 1)

        found, after = [], ""
        while True:
            flow = queries.list_entries(
                world.actor, CALL, "notes", prefix="x", after=after, limit=3
            )
            page = world.run(flow)
            found += [entry.key for entry in page.entries]
            if page.next_after is None:
                break
            after = page.next_after

        assert found == [f"x{number}" for number in range(7)]

    def test_labels_choose(self, world: World) -> None:
        world.put("a", 1, labels={"team": "x"})
        world.put("b", 1, labels={"team": "y"})

        assert self.keys(world, labels={"team": "y"}) == ["b"]

    @staticmethod
    def keys(world: World, **how: Any) -> list[str]:
        return [
            entry.key
            for entry in world.run(queries.list_entries(world.actor, CALL, "notes", **how)).entries
        ]


def test_a_value_that_breaks_the_schema_is_refused(world: World) -> None:
    strict = world.another(schema={"type": "object", "required": ["n"]})

    with pytest.raises(SchemaViolation):
        strict.put("a", {})
    strict.put("a", {"n": 1})
    with pytest.raises(SchemaViolation):
        strict.patch("a", {"n": None})


def test_every_change_is_in_the_audit_once(world: World) -> None:
    world.put("a", 1)
    world.put("a", 2)
    world.delete("a")

    assert audit_records(world.tenant.id)[-3:] == [
        ("state.write", "allow", "a"),
        ("state.write", "allow", "a"),
        ("state.delete", "allow", "a"),
    ]


def test_who_acts_for_someone_must_be_let_to_and_both_must_be_allowed(world: World) -> None:
    owner = make_member(world.tenant, "viewer")
    acting = replace(CALL, on_behalf_of=f"member:{owner.id}")
    world.put("a", 1)

    def put(actor: Actor) -> entries.Outcome:
        return world.run(entries.put_entry(actor, acting, "notes", "a", entries.Put(2)))

    with pytest.raises(Forbidden) as stranger:
        put(world.actor)
    assert stranger.value.code == "not_delegated"

    of_a_viewer = replace(world.actor, attributes={"owner": str(owner.id)})
    with pytest.raises(Forbidden, match="On behalf of"):
        put(of_a_viewer)

    with tenant_scope(world.tenant.id):
        Member.objects.filter(id=owner.id).update(roles=["owner"])
        bump(world.tenant.id, "principals")
    assert put(of_a_viewer).status == 200


def test_what_a_transaction_raised_in_a_savepoint_and_undid_is_not_kept(world: World) -> None:
    def epoch() -> int:
        return run_flow(load_configuration(world.tenant.id, max_age=0)).epochs.epoch

    def raise_and_undo() -> None:
        with tenant_scope(world.tenant.id):
            with tenant_scope(world.tenant.id):
                bump(world.tenant.id, "policies")
            assert epoch() == before + 1
            raise ZeroDivisionError

    before = world.run(load_configuration(world.tenant.id, max_age=0)).epochs.epoch
    with pytest.raises(ZeroDivisionError):
        raise_and_undo()

    assert cached_configuration(world.tenant.id, 3600).epochs.epoch == before  # type: ignore[union-attr]
