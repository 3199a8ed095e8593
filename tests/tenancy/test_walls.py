"""Row-level security under attack: no way of asking shows another tenant's rows.

Over every table that carries a tenant, those of other apps included, by the catalogue.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Agent, Credential, Member, Tenant
from stateward.tenancy.rows import APP, OWNER, SEQUENCER
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import new_tenant
from tests.factories.tenants import make_agent, make_key, make_member

pytestmark = pytest.mark.usefixtures("database")

# Read before the tenant is known, or by all: they hold ids and counters, nothing of anyone's.
OPEN = {"stateward_credential_index", "stateward_epoch", "stateward_job_open"}

# Runs of the platform's own jobs belong to no tenant, and show nothing of one.
OF_A_TENANT = "tenant_id IS NOT NULL"

TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND NOT c.relispartition
  AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""


@pytest.fixture
def theirs() -> Tenant:
    tenant = new_tenant()
    agent, member = make_agent(tenant, "builder"), make_member(tenant, "owner")
    make_key(agent)
    make_key(member)
    return tenant


@pytest.fixture
def app() -> Iterator[psycopg.Connection[Any]]:
    """A fresh connection of the application's role, outside Django."""
    with psycopg.connect(os.environ["STATEWARD_DATABASE_URL"], autocommit=True) as fresh:
        yield fresh


def tenant_tables() -> list[tuple[str, bool, bool, str]]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return cursor.fetchall()


def closed_tables() -> list[str]:
    return [name for name, *_ in tenant_tables() if name not in OPEN]


def visible(session: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows of each closed table the session sees, where it may select at all."""
    seen = {}
    for table in closed_tables():
        may = session.execute("SELECT has_table_privilege(%s, 'SELECT')", (table,)).fetchone()
        if may and may[0]:
            row = session.execute(f"SELECT count(*) FROM {table} WHERE {OF_A_TENANT}").fetchone()
            seen[table] = row[0] if row else -1
    return seen


def test_every_tenant_table_is_behind_the_wall() -> None:
    for name, is_on, is_forced, owner in tenant_tables():
        if name not in OPEN:
            assert (is_on, is_forced, owner) == (True, True, OWNER), name


def test_no_role_of_the_product_goes_around_the_wall() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname IN (%s, %s, %s) "
            "AND NOT rolbypassrls AND NOT rolsuper AND NOT rolcreaterole",
            (APP, OWNER, SEQUENCER),
        )
        assert cursor.fetchone() == (3,)
        cursor.execute(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member "
            "WHERE r.rolname IN (%s, %s)",
            (APP, SEQUENCER),
        )
        assert cursor.fetchone() == (0,)


def test_a_fresh_connection_sees_nothing(theirs: Tenant, app: psycopg.Connection[Any]) -> None:
    assert set(visible(app).values()) == {0}


def test_a_reused_connection_sees_nothing(theirs: Tenant, app: psycopg.Connection[Any]) -> None:
    with app.transaction():
        app.execute("SELECT set_config('stateward.tenant', %s, true)", (str(theirs.id),))
        assert visible(app)["stateward_agent"] == 1

    assert set(visible(app).values()) == {0}


def test_a_rolled_back_transaction_leaves_nothing(
    theirs: Tenant, app: psycopg.Connection[Any]
) -> None:
    with app.transaction(force_rollback=True):
        app.execute("SELECT set_config('stateward.tenant', %s, true)", (str(theirs.id),))

    assert set(visible(app).values()) == {0}


def test_an_error_leaves_nothing(theirs: Tenant, app: psycopg.Connection[Any]) -> None:
    statement = "SELECT set_config('stateward.tenant', %s, true), 1 / 0"
    with pytest.raises(psycopg.errors.DivisionByZero), app.transaction():
        app.execute(statement, (str(theirs.id),))

    assert set(visible(app).values()) == {0}


def test_the_owner_sees_nothing_either(theirs: Tenant) -> None:
    with psycopg.connect(os.environ["STATEWARD_OWNER_DATABASE_URL"], autocommit=True) as owner:
        assert set(visible(owner).values()) == {0}
        with owner.transaction():
            owner.execute("SELECT set_config('stateward.tenant', %s, true)", (str(theirs.id),))
            assert set(visible(owner).values()) == {0}


def test_the_sequencer_sees_only_what_it_orders_and_seals(theirs: Tenant) -> None:
    with psycopg.connect(
        os.environ["STATEWARD_SEQUENCER_DATABASE_URL"], autocommit=True
    ) as sequencer:
        seen = set(visible(sequencer))

    assert not seen & {"stateward_agent", "stateward_member", "stateward_credential",
                       "stateward_invitation", "stateward_entry", "stateward_revision"}  # fmt: skip


def test_copy_shows_nothing(theirs: Tenant, app: psycopg.Connection[Any]) -> None:
    for table in closed_tables():
        may = app.execute("SELECT has_table_privilege(%s, 'SELECT')", (table,)).fetchone()
        if may and may[0]:
            # COPY of a table is refused on a table under row policies unless it is a query's.
            with app.cursor().copy(
                f"COPY (SELECT * FROM {table} WHERE {OF_A_TENANT}) TO STDOUT"
            ) as rows:
                assert list(rows) == [], table


def test_partitions_cannot_be_asked_directly(app: psycopg.Connection[Any]) -> None:
    found = app.execute(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' "
        "AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')"
    ).fetchall()

    assert found == []


def test_no_function_with_the_owners_right_shows_rows(app: psycopg.Connection[Any]) -> None:
    """Each SECURITY DEFINER function the application may call pins its search path."""
    found = app.execute(
        "SELECT p.proname, p.proconfig FROM pg_proc p WHERE p.prosecdef "
        "AND p.pronamespace = 'public'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')"
    ).fetchall()

    for name, settings in found:
        assert any(one.startswith("search_path=") for one in settings or ()), name
    known = {"stateward_add_partitions", "stateward_purge_tenant"}
    assert known <= {name for name, _ in found}


def test_the_purge_is_not_a_way_to_delete_a_living_tenant(
    theirs: Tenant, app: psycopg.Connection[Any]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="not to be deleted"):
        app.execute("SELECT stateward_purge_tenant(%s, 1000)", (theirs.id,))

    with tenant_scope(theirs.id):
        assert Agent.objects.count() == 1


@pytest.mark.parametrize("which", ["agent", "member", "owner"])
def test_a_reference_to_another_tenants_row_fails_as_one_to_nothing(
    which: str, theirs: Tenant
) -> None:
    ours = new_tenant()
    with tenant_scope(theirs.id):
        ids = {"agent": Agent.objects.get().id, "member": Member.objects.get().id}
    ids["owner"] = ids["member"]

    def refer_to(target: UUID) -> None:
        with tenant_scope(ours.id):
            if which == "owner":
                Agent.objects.create(tenant=ours, name="x", roles=[], owner_id=target)
            else:
                holder = {f"{which}_id": target}
                Credential.objects.create(tenant=ours, key_id="k", secret_hash=b"", **holder)

    messages = set()
    for target in (ids[which], uuid7()):
        with pytest.raises(IntegrityError) as refusal:
            refer_to(target)
        messages.add(str(refusal.value).replace(str(target), "…"))

    assert len(messages) == 1, messages


@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_rows_of_another_tenant_cannot_be_changed_or_removed(verb: str, theirs: Tenant) -> None:
    ours = new_tenant()
    statement = {
        "UPDATE": "UPDATE stateward_agent SET name = 'x' WHERE tenant_id = %s",
        "DELETE": "DELETE FROM stateward_agent WHERE tenant_id = %s",
    }[verb]

    with tenant_scope(ours.id), connection.cursor() as cursor:
        cursor.execute(statement, (theirs.id,))
        assert cursor.rowcount == 0


def test_a_row_cannot_be_moved_to_another_tenant(theirs: Tenant) -> None:
    ours = new_tenant()
    agent = make_agent(ours)

    with pytest.raises(Exception, match="row-level security"), tenant_scope(ours.id):
        Agent.objects.filter(id=agent.id).update(tenant=theirs)


def test_the_application_cannot_open_the_wall(app: psycopg.Connection[Any]) -> None:
    for statement in (
        "ALTER TABLE stateward_agent DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY open ON stateward_agent USING (true)",
        "DROP POLICY tenant_reads ON stateward_agent",
        "SET ROLE stateward_owner",
        "SET SESSION AUTHORIZATION stateward_owner",
        "TRUNCATE stateward_agent",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)
    app.execute("SET row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT count(*) FROM stateward_agent")


def test_a_persons_scope_shows_memberships_only(theirs: Tenant) -> None:
    with tenant_scope(theirs.id):
        member = Member.objects.get()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('stateward.person', %s, true)", (str(member.person_id),))
        assert list(Member.objects.values_list("id", flat=True)) == [member.id]
        assert Agent.objects.count() == Credential.objects.count() == 0
        assert Member.objects.update(is_active=False) == 0
