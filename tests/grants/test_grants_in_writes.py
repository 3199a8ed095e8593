"""A grant on the hot path: in force for the next write, gone with the next, ended by the database's
clock; and behind the wall.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.grants.models import TABLES
from governance.grants.permissions import MODELS
from governance.grants.services.grants import Wanted, give, revoke
from governance.grants.words import grantable
from governance.people.acts import system_actor, system_call
from stateward.gate.policy.load import load_policies
from stateward.kernel import clock
from stateward.kernel.errors import Forbidden, NotFound
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api, new_tenant
from tests.factories.state import World, actor_of, make_world
from tests.factories.tenants import make_agent, make_member, make_person
from tests.grants.conftest import House
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("database")


def reader_of(world: World) -> World:
    """The same world, acted in by an agent that may only read."""
    agent = make_agent(world.tenant, "reader")
    return replace(world, agent=agent, actor=actor_of(agent, world.tenant))


def grant_to(world: World, *actions: str, on: str = "", **more: Any) -> UUID:
    with tenant_scope(world.tenant.id):
        wanted = Wanted(
            ("agent", str(world.agent.id)),
            ("namespace", on or world.namespace.name),
            frozenset(actions),
            "Needed",
            **more,
        )
        actor = system_actor(world.tenant, "test")
        made = give(actor=actor, call=system_call(), wanted=wanted)
    return made.id


def test_the_next_write_is_decided_with_it_and_without_it() -> None:
    world = reader_of(make_world())
    with pytest.raises(Forbidden):
        world.put("k", 1)

    grant_id = grant_to(world, "state.write")
    assert world.put("k", 1).status == 201
    with tenant_scope(world.tenant.id):
        revoke(actor=system_actor(world.tenant, "test"), call=system_call(), grant_id=grant_id)

    with pytest.raises(Forbidden):
        world.put("k", 2)
    assert world.get("k").version == 1


def test_an_ended_grant_writes_nothing_though_our_clock_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = reader_of(make_world())
    grant_to(world, "state.write", ends_at=clock.now() + timedelta(seconds=2))
    assert world.put("k", 1).status == 201

    long_ago = clock.now() - timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: long_ago)
    with pytest.raises(Forbidden):
        write_on(world, until=time.monotonic() + PATIENCE)

    monkeypatch.undo()
    with pytest.raises(Forbidden):
        world.put("k", 3)


def write_on(world: World, *, until: float) -> None:
    while time.monotonic() < until:
        world.put("k", 2)


def test_undone_grants_are_in_force_for_nobody() -> None:
    world = reader_of(make_world())
    with tenant_scope(world.tenant.id):
        grant_to(world, "state.write")
        transaction.set_rollback(True)

    with pytest.raises(Forbidden):
        world.put("k", 1)


def test_a_namespace_without_any_right_stays_hidden() -> None:
    world = make_world(classification="restricted")
    reader = reader_of(world)
    with pytest.raises(NotFound):
        reader.put("k", 1)

    grant_to(reader, "state.write", "namespace.read", restricted=True)

    assert reader.put("k", 1).status == 201
    with pytest.raises(Forbidden):
        reader.get("k")


@pytest.mark.parametrize(("place", "to"), sorted(TABLES), ids=str)
def test_no_grant_refers_to_another_tenants_rows(
    shared: House, place: str, to: str, two: tuple[Tenant, dict[str, Any]]
) -> None:
    """Foreign keys are checked with row-level security set aside: they carry the tenant."""
    theirs, ids = two
    table = TABLES[place, to]
    columns = {"member": "user_id, member_id", "group": "group_id", "agent": "agent_id"}[to]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM auth_permission LIMIT 1")
        permission = cursor.fetchone()[0]
    own = shared.tenant.id
    principal = [ids["person"], ids["member"]] if to == "member" else [ids[to]]
    row = (own, own, permission, ids[place], *principal)
    values = ", ".join(["%s"] * len(principal))
    insert = (
        f"INSERT INTO {table._meta.db_table} (id, tenant_id, grant_id, restricted, reason, "
        f"giver_type, giver_id, giver_name, permission_id, content_object_id, {columns}) "
        "VALUES (gen_random_uuid(), %s, gen_random_uuid(), false, 'r', 'member', %s, 'n', %s, %s, "
        f"{values})"
    )
    with psycopg.connect(os.environ["STATEWARD_DATABASE_URL"]) as app:
        app.execute("SELECT set_config('stateward.tenant', %s, true)", (str(own),))
        with pytest.raises((psycopg.errors.ForeignKeyViolation, psycopg.errors.CheckViolation)):
            app.execute(insert, row)
    assert theirs.id != own


@pytest.fixture(scope="module")
def two(django_db_blocker: Any, django_db_setup: None) -> tuple[Tenant, dict[str, Any]]:
    """Another tenant, and an id of each kind in it."""
    with django_db_blocker.unblock():
        world = make_world()
        member = make_member(world.tenant, "viewer")
        with tenant_scope(world.tenant.id), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO stateward_group (id, tenant_id, name, description) "
                "VALUES (gen_random_uuid(), %s, 'g', '') RETURNING id",
                (world.tenant.id,),
            )
            group = cursor.fetchone()[0]
            cursor.execute(
                "INSERT INTO stateward_branch (id, tenant_id, name) "
                "VALUES (gen_random_uuid(), %s, 'b') RETURNING id",
                (world.tenant.id,),
            )
            branch = cursor.fetchone()[0]
            cursor.execute(
                "INSERT INTO stateward_policy (id, tenant_id, name, description, latest_version) "
                "VALUES (gen_random_uuid(), %s, 'p', '', 1) RETURNING id",
                (world.tenant.id,),
            )
            policy = cursor.fetchone()[0]
        return world.tenant, {
            "tenant": world.tenant.id,
            "namespace": world.namespace.id,
            "branch": branch,
            "agent": world.agent.id,
            "policy": policy,
            "group": group,
            "person": member.person_id,
            "member": member.id,
        }


def test_guardians_own_tables_take_nothing() -> None:
    for table in ("guardian_userobjectpermission", "guardian_groupobjectpermission"):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT has_table_privilege(%s, 'INSERT'), has_table_privilege(%s, 'UPDATE')",
                (table, table),
            )
            assert cursor.fetchone() == (False, False)


def test_every_name_that_can_be_granted_has_its_permission() -> None:
    for model, kind in MODELS.values():
        known = Permission.objects.filter(content_type__model=model._meta.model_name)
        assert grantable(kind) <= set(known.values_list("codename", flat=True))


def test_ten_thousand_grants_load_and_read_in_few_questions() -> None:
    """Filled by SQL: 10,000 grants to a thousand members; a page of access asks what it always
    asks.
    """
    tenant = new_tenant()
    owner = Api(make_member(tenant, "owner"))
    assert owner("POST", "/namespaces", {"name": "airline.bookings"}).status_code == 201
    fill(tenant, members=10_000, grants=10_000)

    with tenant_scope(tenant.id):
        book = run_flow(load_policies(tenant.id))
    assert len(book.grants._all) == 10_000
    pages, cursor, queries = 0, "", []
    while pages < 3:
        with CaptureQueriesContext(connection) as asked:
            page = owner("GET", f"/access/objects/namespace/airline.bookings?limit=100{cursor}")
        assert page.status_code == 200, page.content
        queries.append(len(asked))
        cursor = f"&cursor={page.json()['next_cursor']}"
        pages += 1
    assert max(queries[1:]) <= 15  # some look again at what may have changed since
    rows = page.json()["items"]
    sources = [by for row in rows for one in row["verdicts"] for by in one["sources"]]
    assert len(rows) == 100
    assert {by["kind"] for by in sources} == {"role", "grant"}


def fill(tenant: Tenant, *, members: int, grants: int) -> None:
    """Members, and grants to them on the one namespace, straight into the tables."""
    prefix = make_person().id
    with (
        psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session,
        session.cursor() as cursor,
    ):
        cursor.execute(
            "CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS person, "
            "gen_random_uuid() AS member, n FROM generate_series(1, %s) n",
            (members,),
        )
        cursor.execute(
            "INSERT INTO stateward_person (id, email, password, name, is_active, is_operator) "
            "SELECT person, n || '-' || %s::text || '@example.org', '', 'Person ' || n, true, false"
            " FROM made",
            (prefix,),
        )
        cursor.execute(
            "INSERT INTO stateward_member (id, tenant_id, person_id, roles, is_active) "
            "SELECT member, %s, person, '{viewer}', true FROM made",
            (tenant.id,),
        )
        cursor.execute(
            "INSERT INTO stateward_grant_namespace_member (id, tenant_id, grant_id, restricted, "
            "reason, giver_type, giver_id, giver_name, permission_id, content_object_id, user_id, "
            "member_id) "
            "SELECT gen_random_uuid(), %s, gen_random_uuid(), false, 'r', 'member', %s, 'n', p.id, "
            "s.id, m.person, m.member FROM made m, stateward_namespace s, auth_permission p "
            "JOIN django_content_type c ON c.id = p.content_type_id "
            "WHERE m.n <= %s AND s.tenant_id = %s AND p.codename = 'state.*' "
            "AND c.model = 'namespace'",
            (tenant.id, tenant.id, grants, tenant.id),
        )
