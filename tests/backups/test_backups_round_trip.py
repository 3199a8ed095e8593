"""What was backed up is what is restored: values, history, references; and no id is the old one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from pycrdt import Doc, Map

from governance.grants.models import TABLES, Group, GroupMember
from stateward.kernel.ids import uuid7
from stateward.operations.backups.exceptions import NotEmpty
from stateward.operations.backups.stores.folder import FolderStore
from stateward.operations.backups.writing import write_archive
from stateward.state.models import Namespace
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope
from tests.backups.backup_world import Made, back_up, filled_world, restored, rows, tenant_of
from tests.factories.state import World, actor_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world() -> World:
    return filled_world()


@pytest.fixture
def made(world: World, tmp_path: Path) -> Made:
    return back_up(world.tenant.id, tmp_path)


def same_world(world: World, slug: str) -> World:
    """The restored tenant, seen by the same agent in it."""
    tenant = tenant_of(slug)
    with tenant_scope(tenant.id):
        agent = Agent.objects.get(name=world.agent.name)
        namespace = Namespace.objects.get(name=world.namespace.name)
    return replace(
        world, tenant=tenant, agent=agent, actor=actor_of(agent, tenant), namespace=namespace
    )


def test_values_and_history_come_back(world: World, made: Made) -> None:
    report = restored(made)

    copy = same_world(world, report.slug)
    assert report.entries == made.written.manifest.entries == 5
    assert copy.get("case-0").value == {"n": 0, "text": "größe 🚆"}
    assert copy.get("case-1").value == {"n": 1, "text": "changed"}
    assert copy.at("case-1", version=1).value == {"n": 1, "text": "größe 🚆"}
    assert copy.history("case-2") == world.history("case-2")


def test_a_replica_goes_on_where_it_stopped(world: World, tmp_path: Path) -> None:
    """Its state comes back with the value: what it has seen it does not take in twice."""
    counts = world.another(concurrency="crdt", crdt={"type": "counter"})
    counts.act("calls", "increment", {"by": 10**30})
    offline: Doc[Any] = Doc()
    offline.get("value", type=Map)["desk-7"] = "2"
    update = {"update": base64.b64encode(offline.get_update()).decode()}
    counts.act("calls", "apply", update)

    report = restored(back_up(world.tenant.id, tmp_path))

    copy = same_world(world, report.slug)
    with tenant_scope(copy.tenant.id):
        copy = replace(copy, namespace=Namespace.objects.get(name=counts.namespace.name))
    assert copy.namespace.crdt == {"type": "counter"}
    for action, payload in (("apply", update), ("increment", {})):
        entry = copy.act("calls", action, payload).entry
    assert entry is not None
    assert entry.value == 10**30 + 3


def test_writing_goes_on_where_it_stopped(world: World, made: Made) -> None:
    copy = same_world(world, restored(made).slug)

    outcome = copy.put("case-1", {"n": 2}, if_version=2)

    assert outcome.entry.version == 3
    assert copy.get("case-1").value == {"n": 2}


def test_ids_are_new_and_references_hold(world: World, made: Made) -> None:
    report = restored(made)

    copy = same_world(world, report.slug)
    assert {copy.agent.id, copy.namespace.id} & {world.agent.id, world.namespace.id} == set()
    assert copy.namespace.owner_id == copy.agent.id
    old = {row[0] for row in rows(world.tenant.id, "SELECT id FROM stateward_revision")}
    new = {row[0] for row in rows(report.tenant_id, "SELECT id FROM stateward_revision")}
    assert len(new) == len(old) > 0
    assert not old & new
    assert rows(
        report.tenant_id,
        "SELECT count(*) FROM stateward_entry e JOIN stateward_revision r ON r.id = e.write_id"
        " AND r.at = e.updated_at AND r.version = e.version",
    ) == rows(report.tenant_id, "SELECT count(*) FROM stateward_entry")


def test_values_lie_under_the_new_tenants_keys(world: World, made: Made) -> None:
    report = restored(made)

    sql = "SELECT key, value, value_hash FROM stateward_entry WHERE is_alive ORDER BY key"
    before, after = rows(world.tenant.id, sql), rows(report.tenant_id, sql)
    assert [row[0] for row in before] == [row[0] for row in after]
    assert not {bytes(row[1]) for row in before} & {bytes(row[1]) for row in after}
    assert not {bytes(row[2]) for row in before} & {bytes(row[2]) for row in after}
    assert rows(report.tenant_id, "SELECT count(*) FROM stateward_data_key") == [(3,)]


def test_the_archive_holds_nothing_readable(world: World, made: Made) -> None:
    held = b"".join(path.read_bytes() for path in made.path.iterdir())

    assert b"case-1" not in held
    assert "größe".encode() not in held
    assert world.agent.name.encode() not in held
    assert {path.stat().st_mode & 0o077 for path in made.path.iterdir()} == {0}


def test_it_is_one_moment(world: World, tmp_path: Path) -> None:
    seen: list[str] = []

    def write_meanwhile(done: int, total: int, stage: str) -> None:
        if stage == "entries":
            world.put("late", {"n": 9})
            seen.append(stage)

    store = FolderStore(tmp_path)
    written = write_archive(store, "x", uuid7(), world.tenant.id, write_meanwhile)
    report = restored(Made(store, "x", written))

    assert seen == ["entries"]
    assert "late" not in {
        row[0] for row in rows(report.tenant_id, "SELECT key FROM stateward_entry")
    }


def test_members_come_back_without_a_second_account(world: World, made: Made) -> None:
    report = restored(made)

    sql = "SELECT person_id, roles FROM stateward_member"
    assert rows(report.tenant_id, sql) == rows(world.tenant.id, sql)


def test_grants_come_back_with_what_they_are_about(world: World, tmp_path: Path) -> None:
    with tenant_scope(world.tenant.id):
        member = Member.objects.get(tenant=world.tenant)
        group = Group.objects.create(tenant=world.tenant, name="desk")
        GroupMember.objects.create(tenant=world.tenant, group=group, member=member, added_by="x")
        row = TABLES["namespace", "member"]
        row.objects.create(
            tenant=world.tenant,
            grant_id=uuid7(),
            user=member.person,
            member=member,
            permission=Permission.objects.get(
                codename="state.write", content_type__model="namespace"
            ),
            content_object=world.namespace,
            reason="a test",
            giver_type="member",
            giver_id=member.id,
            giver_name="Ann",
        )

    report = restored(back_up(world.tenant.id, tmp_path, "grants"))

    sql = """SELECT g.permission_id, g.user_id, n.name, m.roles, g.giver_id = m.id
        FROM stateward_grant_namespace_member g
        JOIN stateward_namespace n ON n.id = g.content_object_id
        JOIN stateward_member m ON m.id = g.member_id"""
    assert len(rows(world.tenant.id, sql)) == 1
    assert rows(report.tenant_id, sql) == rows(world.tenant.id, sql)
    sql = "SELECT g.name FROM stateward_group_member x JOIN stateward_group g ON g.id = x.group_id"
    assert rows(report.tenant_id, sql) == [("desk",)]


def test_no_credential_comes_back(made: Made) -> None:
    report = restored(made)

    assert rows(report.tenant_id, "SELECT count(*) FROM stateward_credential") == [(0,)]


def test_a_tenant_with_living_data_is_refused(world: World, made: Made) -> None:
    with pytest.raises(NotEmpty, match="namespaces: 2"):
        restored(made, world.tenant.slug)


def test_over_its_own_emptied_tenant(world: World, made: Made) -> None:
    with tenant_scope(world.tenant.id):
        Namespace.objects.update(deleted_at="2026-01-01T00:00:00Z")
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE stateward_entry SET is_alive = false, value = NULL")

    report = restored(made, world.tenant.slug)

    assert not report.is_new
    assert report.tenant_id == world.tenant.id
    assert report.kept["agents"] == 1
    assert report.kept["members"] == 1
    copy = same_world_again(world)
    assert copy.get("case-1").value == {"n": 1, "text": "changed"}
    assert copy.namespace.owner_id == world.agent.id


def same_world_again(world: World) -> World:
    with tenant_scope(world.tenant.id):
        namespace = Namespace.objects.get(name=world.namespace.name, deleted_at=None)
    return replace(world, namespace=namespace)


def test_the_restore_is_on_record(world: World, made: Made) -> None:
    report = restored(made)

    found = rows(
        report.tenant_id,
        "SELECT convert_from(record, 'UTF8')::jsonb -> 'details' FROM stateward_audit_record"
        " WHERE action = 'backup.restore'",
    )
    assert len(found) == 1
    details = found[0][0] if isinstance(found[0][0], dict) else json.loads(found[0][0])
    assert details["source_tenant"] == str(world.tenant.id)
    assert UUID(details["archive"]) == made.written.manifest.archive
