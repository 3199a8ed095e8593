from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import Error as DatabaseError
from django.db import connection
from django.test import override_settings

from stateward.gate.keys.counting import LIMIT, ROTATE_AT, Messages
from stateward.gate.keys.exceptions import KeysUnavailable, RootKeyRefused
from stateward.gate.keys.load import load_keys, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.services import (
    add_messages,
    ensure_namespace_key,
    ensure_tenant_keys,
    rotate_namespace_key,
)
from stateward.kernel.flow import Executable, Rows, run
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import execute, run_flow, tenant_scope
from tests.factories.sessions import Session, run_on
from tests.factories.tenants import epoch_of, make_tenant

CALL = Call(request_id="test")


@pytest.fixture
def tenant(database: None) -> Tenant:
    return make_tenant()


@pytest.fixture
def namespace(tenant: Tenant) -> UUID:
    """A namespace's id; what it is called does not matter to its key."""
    namespace_id = uuid7()
    with tenant_scope(tenant.id):
        run_flow(ensure_namespace_key(tenant.id, namespace_id))
    return namespace_id


def system(tenant: Tenant) -> Actor:
    return Actor("system", PLATFORM, "test", tenant.id, tenant.slug, (), auth_method="system")


def ring_of(tenant: Tenant, *namespaces: UUID) -> KeyRing:
    ring = run_flow(load_keys(tenant.id))
    for namespace_id in namespaces:
        run_flow(load_namespace_keys(ring, namespace_id))
    return ring


def key_rows(tenant: Tenant, columns: str) -> list[tuple[Any, ...]]:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM stateward_data_key ORDER BY id, version")
        return cursor.fetchall()


def set_messages(tenant: Tenant, namespace: UUID, messages: int) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_data_key SET messages = %s WHERE namespace_id = %s",
            (messages, namespace),
        )


def test_a_value_outlives_the_ring_it_was_sealed_with(tenant: Tenant, namespace: UUID) -> None:
    sealed = ring_of(tenant, namespace).seal(namespace, "k", "value", b"hello")

    assert (
        ring_of(tenant, namespace).open(namespace, "k", "value", sealed.write_id, sealed.data)
        == b"hello"
    )


def test_a_tenant_without_keys_seals_nothing(tenant: Tenant) -> None:
    ring = ring_of(tenant)

    assert not ring.is_complete
    with pytest.raises(KeysUnavailable):
        ring.value_hash(b"hello")


def test_making_keys_again_changes_nothing(tenant: Tenant, namespace: UUID) -> None:
    before = key_rows(tenant, "id, version, wrapped, state")
    epoch = epoch_of(tenant)

    with tenant_scope(tenant.id):
        run_flow(ensure_tenant_keys(tenant.id))
        run_flow(ensure_namespace_key(tenant.id, namespace))

    assert key_rows(tenant, "id, version, wrapped, state") == before
    assert epoch_of(tenant) == epoch


def test_two_at_once_make_one_set_of_keys(
    tenant: Tenant, new_session: Callable[[], Session]
) -> None:
    namespace_id = uuid7()
    barrier = threading.Barrier(4)

    def make(session: Session) -> None:
        barrier.wait()
        run_on(session, ensure_namespace_key(tenant.id, namespace_id))

    threads = [threading.Thread(target=make, args=(new_session(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(key_rows(tenant, "purpose, version, state")) == [
        ("hash", 1, "active"),
        ("value", 1, "active"),
    ]


def test_a_new_namespace_leaves_the_keys_of_others_in_the_caches(
    tenant: Tenant, namespace: UUID
) -> None:
    before = epoch_of(tenant)

    with tenant_scope(tenant.id):
        run_flow(ensure_namespace_key(tenant.id, uuid7()))

    assert epoch_of(tenant) == before


def test_a_ring_holds_the_namespaces_it_was_asked_for(tenant: Tenant, namespace: UUID) -> None:
    """A tenant may have very many."""
    other = uuid7()
    with tenant_scope(tenant.id):
        run_flow(ensure_namespace_key(tenant.id, other))
    ring = ring_of(tenant, namespace)

    ring.seal(namespace, "k", "value", b"hello")
    with pytest.raises(KeysUnavailable):
        ring.seal(other, "k", "value", b"hello")


def test_a_namespace_is_loaded_once(tenant: Tenant, namespace: UUID) -> None:
    ring = ring_of(tenant, namespace)

    def never(statement: Executable) -> Rows:
        raise AssertionError(statement)

    run(load_namespace_keys(ring, namespace), never)


def test_a_namespace_whose_key_was_destroyed_gets_no_new_one(
    tenant: Tenant, namespace: UUID
) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_data_key SET state = 'destroyed', wrapped = ''"
            " WHERE purpose = 'value'"
        )
        run_flow(ensure_namespace_key(tenant.id, namespace))

    assert key_rows(tenant, "state, version") == [("active", 1), ("destroyed", 1)]


def test_a_tenant_whose_key_was_destroyed_gets_no_new_one(tenant: Tenant, namespace: UUID) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE stateward_tenant_key SET state = 'destroyed', wrapped = ''")

    with tenant_scope(tenant.id), pytest.raises(KeysUnavailable):
        run_flow(ensure_namespace_key(tenant.id, uuid7()))

    with pytest.raises(KeysUnavailable):
        ring_of(tenant, namespace).seal(namespace, "k", "value", b"hello")


def test_another_root_key_opens_nothing_and_makes_nothing(tenant: Tenant, namespace: UUID) -> None:
    before = key_rows(tenant, "id, version")

    with override_settings(ROOT_KEY=b"another root key of 32 bytes ..."):
        with pytest.raises(RootKeyRefused):
            ring_of(tenant)
        with tenant_scope(tenant.id), pytest.raises(RootKeyRefused):
            run_flow(ensure_namespace_key(tenant.id, uuid7()))
        newcomer = make_tenant()
        with tenant_scope(newcomer.id), pytest.raises(RootKeyRefused):
            run_flow(ensure_tenant_keys(newcomer.id))

    assert key_rows(tenant, "id, version") == before
    assert key_rows(newcomer, "id") == []


# --- rotation


def test_new_values_are_under_the_new_version_and_old_ones_still_open(
    tenant: Tenant, namespace: UUID
) -> None:
    old = ring_of(tenant, namespace).seal(namespace, "k", "value", b"old")
    epoch = epoch_of(tenant)

    version = run_flow(rotate_namespace_key(namespace, actor=system(tenant), call=CALL))

    ring = ring_of(tenant, namespace)
    new = ring.seal(namespace, "k", "value", b"new")
    assert (version, old.key_version, new.key_version) == (2, 1, 2)
    assert ring.open(namespace, "k", "value", old.write_id, old.data) == b"old"
    assert epoch_of(tenant) == epoch + 1


def test_a_rotation_is_recorded(tenant: Tenant, namespace: UUID) -> None:
    run_flow(rotate_namespace_key(namespace, actor=system(tenant), call=CALL))

    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, resource_type, namespace_id, convert_from(record, 'UTF8')::json"
            " -> 'details' ->> 'to_version' FROM stateward_audit_record"
        )
        assert cursor.fetchall() == [("key.rotate", "data_key", namespace, "2")]


def test_two_rotations_at_once_make_one_new_version(tenant: Tenant, namespace: UUID) -> None:
    """Both read version 1; the second finds it turned over, and makes and records nothing."""

    def meanwhile(statement: Executable) -> Rows:
        if "rotate_data_key" in statement.sql:
            run_flow(rotate_namespace_key(namespace, actor=system(tenant), call=CALL))
        return execute(statement)

    version = run(rotate_namespace_key(namespace, actor=system(tenant), call=CALL), meanwhile)

    assert version == 2
    assert [row for row in key_rows(tenant, "purpose, version, state") if row[0] == "value"] == [
        ("value", 1, "decrypt_only"),
        ("value", 2, "active"),
    ]
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM stateward_audit_record WHERE action = 'key.rotate'")
        assert cursor.fetchone() == (1,)


# --- counting (F45)


def test_what_was_sealed_is_added_up(tenant: Tenant, namespace: UUID) -> None:
    messages = Messages()
    ring = ring_of(tenant, namespace)
    ring._messages = messages
    for _ in range(3):
        ring.seal(namespace, "k", "value", b"hello")

    assert run_flow(add_messages(messages)) == 0

    assert ("value", 3) in key_rows(tenant, "purpose, messages")
    assert messages.drain() == []


def test_a_key_that_is_due_is_turned_over_and_no_write_is_lost(
    tenant: Tenant, namespace: UUID
) -> None:
    set_messages(tenant, namespace, ROTATE_AT - 2)
    messages = Messages()
    ring = ring_of(tenant, namespace)
    ring._messages = messages
    before = [ring.seal(namespace, "k", "value", b"%d" % index) for index in range(3)]

    turned = run_flow(add_messages(messages))

    # A process that has not seen the new epoch yet goes on under the old version.
    before += [ring.seal(namespace, "k", "value", b"%d" % index) for index in (3, 4)]
    fresh = ring_of(tenant, namespace)
    after = fresh.seal(namespace, "k", "value", b"5")
    assert turned == 1
    assert [one.key_version for one in (*before, after)] == [1, 1, 1, 1, 1, 2]
    for index, one in enumerate((*before, after)):
        assert fresh.open(namespace, "k", "value", one.write_id, one.data) == b"%d" % index


def test_a_key_is_turned_over_once(tenant: Tenant, namespace: UUID) -> None:
    set_messages(tenant, namespace, ROTATE_AT)
    messages = Messages()
    ring = ring_of(tenant, namespace)
    ring._messages = messages
    ring.seal(namespace, "k", "value", b"hello")
    run_flow(add_messages(messages))
    ring.seal(namespace, "k", "value", b"late, still under version 1")

    assert run_flow(add_messages(messages)) == 0

    assert len(key_rows(tenant, "version")) == 3


def test_counts_of_several_tenants_are_added_each_to_its_own(
    tenant: Tenant, namespace: UUID
) -> None:
    other, elsewhere = make_tenant(), uuid7()
    with tenant_scope(other.id):
        run_flow(ensure_namespace_key(other.id, elsewhere))
    messages = Messages()
    for owner, place, count in ((tenant, namespace, 2), (other, elsewhere, 5)):
        ring = ring_of(owner, place)
        ring._messages = messages
        for _ in range(count):
            ring.seal(place, "k", "value", b"hello")

    run_flow(add_messages(messages))

    assert ("value", 2) in key_rows(tenant, "purpose, messages")
    assert ("value", 5) in key_rows(other, "purpose, messages")


def test_counts_that_could_not_be_written_are_kept(tenant: Tenant, namespace: UUID) -> None:
    messages = Messages()
    ring = ring_of(tenant, namespace)
    ring._messages = messages
    ring.seal(namespace, "k", "value", b"hello")

    def broken(statement: Executable) -> Rows:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        run(add_messages(messages), broken)
    run_flow(add_messages(messages))

    assert ("value", 1) in key_rows(tenant, "purpose, messages")


def test_the_row_tells_a_process_how_many_are_left(tenant: Tenant, namespace: UUID) -> None:
    set_messages(tenant, namespace, LIMIT)

    with pytest.raises(KeysUnavailable):
        ring_of(tenant, namespace).seal(namespace, "k", "value", b"hello")


# --- the second wall (F71)


def test_without_a_tenant_no_key_is_seen(
    tenant: Tenant, namespace: UUID, new_session: Callable[[], Session]
) -> None:
    session = new_session()
    tables = ("stateward_data_key", "stateward_tenant_key")

    def seen() -> list[Any]:
        return [session.execute(f"SELECT * FROM {table}").fetchall() for table in tables]

    fresh = seen()
    run_on(session, load_keys(tenant.id))

    assert fresh == seen() == [[], []]  # the second time on a session that had a tenant


def test_loading_another_tenants_keys_leaves_the_session_where_it_was(
    tenant: Tenant, namespace: UUID
) -> None:
    other = make_tenant()

    with tenant_scope(other.id), connection.cursor() as cursor:
        ring_of(tenant)
        run_flow(add_messages(Messages()))
        cursor.execute("SELECT current_setting('stateward.tenant')")
        assert cursor.fetchone() == (str(other.id),)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM stateward_data_key",
        "DELETE FROM stateward_tenant_key",
        "DELETE FROM stateward_root_key",
        "UPDATE stateward_root_key SET probe = ''",
        "TRUNCATE stateward_root_key CASCADE",
    ],
)
def test_the_application_cannot_remove_keys(
    tenant: Tenant, namespace: UUID, statement: str
) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant_scope(tenant.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
