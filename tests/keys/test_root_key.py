"""F42: with a wrong, truncated or missing root key nothing starts, and no new one is made."""

from __future__ import annotations

import hashlib

import pytest
from django.conf import settings
from django.db import Error as DatabaseError
from django.test import override_settings

from stateward.gate.keys import checks
from stateward.gate.keys.exceptions import KeysUnavailable, RootKeyRefused
from stateward.gate.keys.root import (
    Wrapper,
    check_root_key,
    ensure_root_key,
    root_key,
)
from stateward.gate.keys.services import ensure_tenant_keys
from stateward.kernel.flow import Executable, Rows, run
from stateward.kernel.naming import fingerprint
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.sessions import Session, run_on
from tests.factories.tenants import make_tenant

OTHER = b"another root key of 32 bytes ..."


@pytest.fixture
def first_start(superuser: Session) -> Session:
    """A database that knows no root key yet; undone after the test."""
    superuser.execute(
        "DELETE FROM stateward_data_key; DELETE FROM stateward_tenant_key;"
        "DELETE FROM stateward_root_key"
    )
    return superuser


@pytest.fixture
def in_use(database: None) -> None:
    """A database whose keys are wrapped under the settings' root key."""
    tenant = make_tenant()
    with tenant_scope(tenant.id):
        run_flow(ensure_tenant_keys(tenant.id))


def test_the_fingerprint_is_that_of_the_stack() -> None:
    expected = hashlib.sha256(b"stateward root key " + settings.ROOT_KEY).hexdigest()[:16]

    assert fingerprint(settings.ROOT_KEY) == root_key().fingerprint == expected


@pytest.mark.parametrize("key", [b"", b"\x07" * 31, b"\x07" * 33, "\x07" * 32, None])
def test_a_truncated_or_missing_root_key_is_refused(key: object) -> None:
    with override_settings(ROOT_KEY=key), pytest.raises(KeysUnavailable) as caught:
        root_key()

    assert caught.value.reason == "the root key must be 32 bytes"
    assert "\\x07" not in repr(vars(caught.value))


def test_before_the_first_tenant_no_root_key_is_known(first_start: Session) -> None:
    assert run_on(first_start, check_root_key()) is None
    assert first_start.execute("SELECT count(*) FROM stateward_root_key").fetchone() == (0,)


def test_the_first_tenant_makes_the_root_key_known(first_start: Session) -> None:
    assert run_on(first_start, ensure_root_key()) is root_key()
    assert run_on(first_start, check_root_key()) == root_key().fingerprint


def test_of_two_first_starts_with_two_root_keys_one_is_refused(first_start: Session) -> None:
    """The other's row arrives between our look and our insertion."""
    with override_settings(ROOT_KEY=OTHER):
        theirs = root_key()

    def meanwhile(statement: Executable) -> Rows:
        if statement.sql.startswith("INSERT"):
            first_start.execute(
                "INSERT INTO stateward_root_key (fingerprint, probe) VALUES (%s, 'x')",
                (theirs.fingerprint,),
            )
        cursor = first_start.execute(statement.sql, statement.parameters)
        return cursor.fetchall() if cursor.description else []

    with pytest.raises(RootKeyRefused) as caught:
        run(ensure_root_key(), meanwhile)

    assert caught.value.wanted == (theirs.fingerprint,)


def test_another_root_key_is_refused_by_name(in_use: None) -> None:
    right = root_key().fingerprint

    with override_settings(ROOT_KEY=OTHER), pytest.raises(RootKeyRefused) as caught:
        run_flow(check_root_key())

    assert (caught.value.given, caught.value.wanted) == (fingerprint(OTHER), (right,))
    assert OTHER.decode() not in repr(vars(caught.value))


def test_as_long_as_there_are_keys_their_root_keys_row_cannot_go(
    in_use: None, superuser: Session
) -> None:
    """So no start can take an installation with data for a new one."""
    with pytest.raises(Exception, match="violates foreign key"):
        superuser.execute("DELETE FROM stateward_root_key")


def test_a_probe_that_was_tampered_with_is_refused(in_use: None, superuser: Session) -> None:
    name = root_key().fingerprint
    moved = Wrapper(bytes(32)).wrap(b"x")
    foreign = root_key().wrap(b"another text", b"stateward root key probe v1")
    for probe in (moved, foreign):
        superuser.execute(
            "UPDATE stateward_root_key SET probe = %s WHERE fingerprint = %s", (probe, name)
        )
        with pytest.raises(KeysUnavailable):
            run_on(superuser, check_root_key())


# --- system checks


def test_with_the_right_root_key_the_checks_find_nothing(in_use: None) -> None:
    assert checks.root_key_is_usable(None) == []
    assert checks.root_key_is_ours(None, databases=["default"]) == []


def test_a_short_root_key_has_a_check() -> None:
    with override_settings(ROOT_KEY=b"\x07"):
        (found,) = checks.root_key_is_usable(None)
        again = checks.root_key_is_ours(None, databases=["default"])

    assert (found.id, found.msg, again) == ("keys.E001", "The root key must be 32 bytes.", [])


def test_the_wrong_root_key_has_a_check_that_names_both(in_use: None) -> None:
    right = root_key().fingerprint

    with override_settings(ROOT_KEY=OTHER):
        (found,) = checks.root_key_is_ours(None, databases=["default"])

    assert found.id == "keys.E002"
    assert fingerprint(OTHER) in found.msg
    assert right in str(found.hint)


def test_the_database_is_asked_only_where_it_was_named() -> None:
    assert checks.root_key_is_ours(None) == []
    assert checks.root_key_is_ours(None, databases=["owner"]) == []


def test_a_key_that_does_not_open_its_probe_has_a_check(
    in_use: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "run_flow", lambda flow: root_key().unwrap(b"short"))

    (found,) = checks.root_key_problems()

    assert found.id == "keys.E003"


def test_without_a_database_others_complain(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(flow: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(checks, "run_flow", down)

    assert checks.root_key_problems() == []


# --- the start of a process


def test_with_the_right_root_key_a_process_starts(in_use: None) -> None:
    checks.refuse_wrong_root_key()


async def test_a_process_with_an_event_loop_is_refused_too(in_use: None) -> None:
    with override_settings(ROOT_KEY=OTHER), pytest.raises(SystemExit) as caught:
        checks.refuse_wrong_root_key()

    assert fingerprint(OTHER) in str(caught.value)
    assert OTHER.decode() not in str(caught.value)


def test_a_process_without_a_root_key_does_not_start(in_use: None) -> None:
    with override_settings(ROOT_KEY=b""), pytest.raises(SystemExit, match="32 bytes"):
        checks.refuse_wrong_root_key()
