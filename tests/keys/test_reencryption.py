"""Old values are sealed anew under the newest version; old versions retire once nothing is under
them.
"""

from __future__ import annotations

import json
import os
from typing import Any

import psycopg
import pytest
from django.db import Error as DatabaseError
from django.db import connection

from governance.keys.services import REENCRYPT, count_now, rotate_key
from governance.keys.stores import count_all, stores
from stateward.gate.keys.exceptions import CannotOpen
from stateward.operations.jobs.services import run_here
from stateward.state.configuration import forget_configurations
from stateward.tenancy.scope import tenant_scope
from tests.factories.retention import Keeper, make_keeper
from tests.factories.state import CALL


@pytest.fixture
def keeper(database: None) -> Keeper:
    keeper = make_keeper()
    for number in range(5):
        keeper.world.put("a", {"n": number})
    keeper.world.put("b", "only once")
    return keeper


def states(keeper: Keeper) -> dict[int, str]:
    rows = keeper.rows(
        "SELECT version, state FROM stateward_data_key WHERE tenant_id = %s AND namespace_id = %s",
        keeper.tenant_id,
        keeper.world.namespace.id,
    )
    return dict(rows)


def under(keeper: Keeper) -> dict[tuple[str, int], int]:
    with tenant_scope(keeper.tenant_id):
        found = count_all(keeper.tenant_id, keeper.world.namespace.id)
    return {(one.store, one.version): one.rows for one in found}


def turn(keeper: Keeper) -> int:
    return rotate_key(keeper.owner, CALL, keeper.world.namespace.name)


def reencrypt(keeper: Keeper, **params: Any) -> dict[str, Any]:
    return dict(run_here(REENCRYPT, tenant_id=keeper.tenant_id, params=params).result)


REVISIONS = "SELECT key, version, value_hash, size_bytes FROM stateward_revision ORDER BY 1, 2"


def test_all_comes_under_the_new_version_and_the_old_one_is_retired(keeper: Keeper) -> None:
    hashes = keeper.rows(REVISIONS)
    assert turn(keeper) == 2
    assert under(keeper) == {("entries", 1): 2, ("revisions", 1): 6}

    done = reencrypt(keeper)

    assert (done["moved"], done["retired"], done["unreadable"]) == (8, 1, 0)
    assert under(keeper) == {("entries", 2): 2, ("revisions", 2): 6}
    assert states(keeper) == {1: "retired", 2: "active"}
    assert [keeper.world.at("a", version=n).value for n in (1, 5)] == [{"n": 0}, {"n": 4}]
    assert keeper.world.get("b").value == "only once"
    assert keeper.rows(REVISIONS) == hashes


def test_what_was_moved_is_not_moved_again(keeper: Keeper) -> None:
    turn(keeper)
    reencrypt(keeper)
    before = keeper.rows("SELECT id, value FROM stateward_revision ORDER BY id")

    assert reencrypt(keeper)["moved"] == 0
    assert reencrypt(keeper, namespace_id=str(keeper.world.namespace.id))["moved"] == 0
    assert keeper.rows("SELECT id, value FROM stateward_revision ORDER BY id") == before


def test_counting_changes_nothing_and_says_what_would_be_moved(keeper: Keeper) -> None:
    turn(keeper)
    before = under(keeper)

    found = count_now(keeper.owner, CALL, keeper.world.namespace.name)

    assert {(one.store, one.version): one.rows for one in found} == before == under(keeper)
    assert sum(one.bytes for one in found) > 0


def test_a_value_that_does_not_open_keeps_its_version(keeper: Keeper) -> None:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True) as root:
        root.execute(
            "UPDATE stateward_revision SET value = set_byte(value, octet_length(value) - 1,"
            " (get_byte(value, octet_length(value) - 1) + 1) %% 256)"
            " WHERE tenant_id = %s AND key = 'b'",
            (keeper.tenant_id,),
        )
    turn(keeper)

    done = reencrypt(keeper)

    assert (done["moved"], done["unreadable"], done["retired"]) == (7, 1, 0)
    assert states(keeper)[1] == "decrypt_only"
    with pytest.raises(CannotOpen):
        keeper.world.at("b", version=1)


def test_another_namespace_and_another_tenant_stay_as_they_are(keeper: Keeper) -> None:
    other = keeper.world.another()
    other.put("a", 1)
    stranger = make_keeper()
    stranger.world.put("a", 1)
    turn(keeper)

    reencrypt(keeper)

    with tenant_scope(keeper.tenant_id):
        mine = count_all(keeper.tenant_id, other.namespace.id)
        theirs = count_all(keeper.tenant_id, stranger.world.namespace.id)
    assert {(one.version, one.rows) for one in mine} == {(1, 1)}
    assert theirs == []
    assert under(stranger) == {("entries", 1): 1, ("revisions", 1): 1}


@pytest.mark.parametrize("to", ["foreign", "old", "longer"])
def test_history_takes_nothing_but_the_same_under_a_version_that_seals(
    keeper: Keeper, to: str
) -> None:
    """Broken on purpose: what calls the function with the owner's right is not believed."""
    turn(keeper)
    (place, value), *_ = keeper.rows(
        "SELECT json_build_object('at', at, 'id', id, 'h', encode(sha256(value), 'hex'), 'o', 0),"
        " value FROM stateward_revision WHERE key = 'b'"
    )
    blob = bytearray(value)
    if to == "foreign":
        blob[2:18] = bytes(16)
    if to == "longer":
        blob[18:22] = (2).to_bytes(4, "big")
        blob += b"x"
    place["l"] = len(blob)
    sql = "SELECT count(*) FROM stateward_rekey_revisions(%s, json_build_array(%s::json), %s)"

    assert keeper.rows(sql, keeper.tenant_id, json.dumps(place), bytes(blob)) == [(0,)]
    with pytest.raises(DatabaseError):
        keeper.rows(sql, make_keeper().tenant_id, json.dumps(place), bytes(blob))


def test_a_version_under_which_something_is_found_after_all_opens_again(keeper: Keeper) -> None:
    [(old,)] = keeper.rows("SELECT value FROM stateward_revision WHERE key = 'b'")
    turn(keeper)
    reencrypt(keeper)
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True) as root:
        root.execute("UPDATE stateward_revision SET value = %s WHERE key = 'b' AND tenant_id = %s",
                     (old, keeper.tenant_id))  # fmt: skip
    forget_configurations()
    with pytest.raises(CannotOpen):
        keeper.world.at("b", version=1)

    found = run_here("keys.survey", tenant_id=keeper.tenant_id)

    forget_configurations()
    assert found.has_findings
    assert states(keeper)[1] == "decrypt_only"
    assert keeper.world.at("b", version=1).value == "only once"
    assert reencrypt(keeper)["retired"] == 1


SEALED_COLUMNS = r"""
SELECT c.table_name, c.column_name FROM information_schema.columns c
WHERE c.table_schema = 'public' AND c.data_type = 'bytea'
  AND c.table_name IN (
      SELECT table_name FROM information_schema.columns
      WHERE column_name IN ('write_id', 'value_hash') AND table_schema = 'public')
  AND c.column_name NOT IN ('value_hash') AND c.table_name NOT LIKE '%\_y20%'
  AND c.table_name NOT IN (SELECT i.inhrelid::regclass::text FROM pg_inherits i)
"""


def test_no_store_of_sealed_values_is_forgotten(database: None) -> None:
    """What is not listed would keep values under a version that is retired."""
    with connection.cursor() as cursor:
        cursor.execute(SEALED_COLUMNS)
        found = set(cursor.fetchall())

    assert {(one.table, one.value) for one in stores()} == found
