"""The subject index: complete up to a time it names, never a name in it."""

from __future__ import annotations

import threading

from django.db import connections

from governance.people.acts import system_call
from governance.privacy.identifiers import Identifier
from governance.privacy.index import position_of
from governance.privacy.services.declarations import withdraw_declaration
from stateward.state.configuration import load_configuration
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.privacy import Office, make_office

MIA = "mia.li@example.com"


def found(office: Office, text: str = MIA, kind: str = "email") -> list[str]:
    tenant_id = office.keeper.tenant_id
    with tenant_scope(tenant_id):
        keys = run_flow(load_configuration(tenant_id, max_age=0)).keys
    hashed = keys.value_hash(Identifier(kind, text).hashed)
    sql = "SELECT key FROM stateward_subject_entry WHERE id_hash = %s ORDER BY key"
    return [row[0] for row in office.keeper.rows(sql, hashed)]


def test_what_is_written_before_and_after_the_declaration_is_found(office: Office) -> None:
    world = office.keeper.world
    world.put("before", {"email": " MIA.Li@example.COM", "note": "x"})
    office.declare()
    office.index()
    world.put("after", {"email": MIA})
    world.put("other", {"email": "bob@example.com"})
    world.put("elsewhere", {"mail": MIA})

    office.index()

    assert found(office) == ["after", "before"]
    assert found(office, "bob@example.com") == ["other"]


def test_an_earlier_version_names_whom_the_newest_does_not(office: Office) -> None:
    world = office.keeper.world
    office.declare()
    world.put("seat", {"email": MIA})
    world.put("seat", {"email": "bob@example.com"})

    office.index()

    assert found(office) == ["seat"]


def test_keys_and_lists_name_persons_too(office: Office) -> None:
    world = office.keeper.world
    office.declare(kind="customer", source="key", path="customer:{}")
    office.declare(path="/passengers/*/email")
    world.put("customer:4711", {"tier": "gold"})
    world.put("flight", {"passengers": [{"email": MIA}, {"email": "bob@example.com"}]})

    office.index()

    assert found(office, "4711", "customer") == ["customer:4711"]
    assert (found(office), found(office, "bob@example.com")) == (["flight"], ["flight"])


def test_no_identifier_stands_in_any_table_of_privacy(office: Office) -> None:
    office.declare()
    office.keeper.world.put("a", {"email": "nobody.else@example.org"})
    office.ready(identifiers=[("email", "nobody.else@example.org")])

    for (table,) in office.keeper.rows(
        "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r'"
        " AND c.relname LIKE 'stateward_subject%%'"
    ):
        text = str(office.keeper.rows(f"SELECT t::text FROM {table} t"))
        assert "nobody.else" not in text, table


def test_a_transaction_that_ends_late_is_neither_missed_nor_taken_for_complete(
    office: Office,
) -> None:
    """One whose writer began before a pass and commits after it."""
    world, tenant_id = office.keeper.world, office.keeper.tenant_id
    office.declare()
    world.put("first", {})  # the decision's inputs are on record before, so that nobody waits
    office.index()
    go, done = threading.Event(), threading.Event()

    def slow() -> None:
        with tenant_scope(tenant_id):
            world.put("late", {"email": MIA})
            done.set()
            go.wait(30)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    done.wait(30)
    world.put("early", {"email": MIA})
    office.index()
    assert found(office) == ["early"]
    go.set()
    thread.join(30)

    office.index()

    assert found(office) == ["early", "late"]


def test_the_index_is_not_complete_while_a_namespace_is_unwalked(office: Office) -> None:
    tenant_id = office.keeper.tenant_id
    office.index()
    with tenant_scope(tenant_id):
        assert run_flow(position_of(tenant_id)) is not None
    office.declare()
    with tenant_scope(tenant_id):
        assert run_flow(position_of(tenant_id)) is None
    office.index()
    with tenant_scope(tenant_id):
        assert run_flow(position_of(tenant_id)) is not None


def test_what_was_declared_and_is_not_leaves_the_index(office: Office) -> None:
    declared = office.declare()
    office.keeper.world.put("a", {"email": MIA})
    office.index()
    assert found(office) == ["a"]

    withdraw_declaration(office.keeper.owner, system_call(), declared.id)
    office.index()

    assert found(office) == []


def test_another_tenant_finds_nothing(office: Office) -> None:
    office.declare()
    office.keeper.world.put("a", {"email": MIA})
    office.index()
    other = make_office()
    other.declare()
    other.index()

    assert found(other) == []
    sql = "SELECT count(*) FROM stateward_subject_entry"
    assert other.keeper.rows(sql) == [(0,)]


def test_a_request_waits_until_the_index_has_come_to_its_time(office: Office) -> None:
    office.declare()
    office.keeper.world.put("a", {"email": MIA})
    office.index()

    request = office.receive()
    assert request.state == "searching"
    office.index()

    again = office.again(request)
    assert (again.state, again.found) == ("ready", 1)
