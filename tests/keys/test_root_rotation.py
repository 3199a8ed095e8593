"""Another root key takes the place of the one in use, and nothing fails meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import override_settings

from stateward.gate.audit.sealing_key import sealing_key
from stateward.gate.keys.exceptions import KeysUnavailable, RootKeyRefused
from stateward.gate.keys.root import check_root_key, root_key
from stateward.gate.keys.root_rotation import rewrap_sealing_keys, rotate_root_key
from stateward.gate.keys.tenant_keys import finish_tenant_rotation
from stateward.kernel.naming import fingerprint
from stateward.state.configuration import forget_configurations
from stateward.tenancy.accounts.mfa import MfaAdapter, rewrap_second_factors
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.backups.backup_world import back_up, restored
from tests.factories.api import Api
from tests.factories.retention import Keeper, make_keeper
from tests.factories.sessions import run_on
from tests.factories.tenants import make_person

OLD = bytes(range(32))
NEW = b"the root key that comes next ..."


@pytest.fixture
def keeper(database: None) -> Iterator[Keeper]:
    """A tenant of its own; afterwards the installation is under its first root key again."""
    keeper = make_keeper()
    keeper.world.put("a", {"n": 1})
    yield keeper
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as superuser:
        with override_settings(PREVIOUS_ROOT_KEYS=[NEW]):
            run_on(superuser, rewrap_sealing_keys())
        gone = "(SELECT tenant_id FROM stateward_tenant_key WHERE root_key = %s)"
        name = fingerprint(NEW)
        superuser.execute(f"DELETE FROM stateward_data_key WHERE tenant_id IN {gone}", (name,))
        superuser.execute("DELETE FROM stateward_tenant_key WHERE root_key = %s", (name,))
        superuser.execute("DELETE FROM stateward_root_key WHERE fingerprint = %s", (name,))
        superuser.execute("UPDATE stateward_root_key SET state = 'active'")
    forget_configurations()


def under(keeper: Keeper) -> set[str]:
    sql = "SELECT DISTINCT root_key FROM stateward_tenant_key WHERE tenant_id = %s"
    return {row[0] for row in keeper.rows(sql, keeper.tenant_id)}


def turn(keeper: Keeper) -> Any:
    with override_settings(ROOT_KEY=NEW, PREVIOUS_ROOT_KEYS=[OLD]):
        return rotate_root_key([keeper.tenant_id])


def test_only_keys_are_wrapped_anew_and_every_process_goes_on(keeper: Keeper) -> None:
    before = keeper.rows("SELECT id, value FROM stateward_revision ORDER BY id")
    with override_settings(ROOT_KEY=NEW, PREVIOUS_ROOT_KEYS=[OLD]):
        forget_configurations()
        assert keeper.world.get("a").value == {"n": 1}  # given both, before the turn
        keeper.world.put("b", 2)

        turned = rotate_root_key([keeper.tenant_id])

        assert (turned.former, turned.present) == (fingerprint(OLD), fingerprint(NEW))
        assert turned.tenant_keys == 1
        assert under(keeper) == {fingerprint(NEW)}
        assert rotate_root_key([keeper.tenant_id]).tenant_keys == 0  # once more changes nothing
    with override_settings(ROOT_KEY=NEW):
        forget_configurations()
        assert keeper.world.get("b").value == 2
        assert run_flow(check_root_key()) == fingerprint(NEW)
    left = keeper.rows("SELECT id, value FROM stateward_revision WHERE key = 'a' ORDER BY id")
    assert left == before


def test_the_former_alone_is_refused_by_name(keeper: Keeper) -> None:
    """F42: also after a rotation nothing starts with what is not in force."""
    turn(keeper)

    with pytest.raises(RootKeyRefused) as caught:
        run_flow(check_root_key())

    assert (caught.value.given, caught.value.wanted[0]) == (fingerprint(OLD), fingerprint(NEW))


def test_a_root_key_that_was_put_aside_does_not_come_back(keeper: Keeper) -> None:
    turn(keeper)

    with (
        override_settings(PREVIOUS_ROOT_KEYS=[NEW]),
        pytest.raises(KeysUnavailable) as caught,
    ):
        rotate_root_key([keeper.tenant_id])

    assert caught.value.reason == "that root key was in use before"


def test_without_a_former_one_there_is_nothing_to_turn(keeper: Keeper) -> None:
    with pytest.raises(CommandError, match="No former root key was given along"):
        call_command("rootkey", "rotate", stdout=StringIO())


def test_the_sealing_key_and_second_factors_come_along(keeper: Keeper) -> None:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as superuser:
        before = run_on(superuser, sealing_key(may_create=True)).private.private_bytes_raw()
    person = make_person()
    found = Authenticator.objects.create(
        user=person, type="totp", data={"secret": MfaAdapter().encrypt("JBSWY3DPEHPK3PXP")}
    )

    turn(keeper)
    with override_settings(ROOT_KEY=NEW, PREVIOUS_ROOT_KEYS=[OLD]):
        assert MfaAdapter().decrypt(found.data["secret"]) == "JBSWY3DPEHPK3PXP"
        assert rewrap_second_factors() >= 1
        assert rewrap_second_factors() == 0

    found.refresh_from_db()
    with override_settings(ROOT_KEY=NEW):
        assert MfaAdapter().decrypt(found.data["secret"]) == "JBSWY3DPEHPK3PXP"
        assert run_flow(sealing_key()).private.private_bytes_raw() == before
    with override_settings(PREVIOUS_ROOT_KEYS=[NEW]):
        rewrap_second_factors()


def test_a_backup_of_before_is_restored_with_the_former_key_along(
    keeper: Keeper, tmp_path: Path
) -> None:
    made = back_up(keeper.tenant_id, tmp_path)
    turn(keeper)

    with override_settings(ROOT_KEY=NEW, PREVIOUS_ROOT_KEYS=[OLD]):
        assert restored(made).entries == 1


# The tenant's own key.


def test_a_tenants_key_is_turned_over_and_no_value_touched(keeper: Keeper) -> None:
    api = Api(keeper.member)
    before = keeper.rows("SELECT id, value FROM stateward_revision")

    # The namespace's key, and the tenant's hash key.
    assert api("POST", "/tenant-key/rotation").json() == {"rewrapped": 2}

    forget_configurations()
    assert keeper.world.get("a").value == {"n": 1}
    keeper.world.put("b", 1)
    states = "SELECT state FROM stateward_tenant_key WHERE tenant_id = %s ORDER BY created_at"
    assert keeper.rows(states, keeper.tenant_id) == [("decrypt_only",), ("active",)]
    assert keeper.rows("SELECT id, value FROM stateward_revision WHERE key = 'a'") == before
    assert keeper.rows(
        "SELECT count(DISTINCT tenant_key_id) FROM stateward_data_key WHERE tenant_id = %s",
        keeper.tenant_id,
    ) == [(1,)]


def test_the_former_tenant_key_is_retired_a_day_later(keeper: Keeper) -> None:
    Api(keeper.member)("POST", "/tenant-key/rotation")
    with tenant_scope(keeper.tenant_id):
        assert run_flow(finish_tenant_rotation(keeper.tenant_id)) == 0
    keeper.rows(
        "UPDATE stateward_tenant_key SET turned_at = turned_at - interval '25 hours'"
        " WHERE state = 'decrypt_only'"
    )

    with tenant_scope(keeper.tenant_id):
        assert run_flow(finish_tenant_rotation(keeper.tenant_id)) == 1

    forget_configurations()
    assert keeper.world.get("a").value == {"n": 1}
    assert root_key().fingerprint in under(keeper)
