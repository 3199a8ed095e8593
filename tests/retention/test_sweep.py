"""What a sweep purges, what it leaves, and the proof it writes."""

from __future__ import annotations

import json
import time
from hashlib import sha256

import psycopg
import pytest

from governance.people.acts import system_call
from governance.retention.services.rules import end_rule
from stateward.kernel.errors import Gone
from stateward.state.configuration import load_configuration
from stateward.state.exceptions import NoSuchEntry
from stateward.state.services.expiry import expire_due
from stateward.state.services.purging import identity_hash
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.retention import Keeper
from tests.factories.state import audit_records


def test_what_is_due_loses_its_value_and_its_history(keeper: Keeper, superuser: str) -> None:
    world = keeper.world
    world.put("old", 1, note="first")
    world.put("old", 2, labels={"a": "b"})
    world.put("young", 1)
    keeper.age(superuser, 31, "old")
    keeper.rule("month", days=30)

    done = keeper.sweep()

    assert (done["purged"], done["revisions"], done["batches"]) == (1, 2, 1)
    assert (keeper.values_left("old"), keeper.values_left("young")) == (0, 2)
    assert world.history("old") == [(3, "purge"), (2, "put"), (1, "put")]
    with pytest.raises(Gone):
        world.at("old", version=1)
    assert keeper.rows(
        "SELECT note, labels::text, value_hash FROM stateward_revision"
        " WHERE tenant_id = %s AND key = 'old' AND version < 3", keeper.tenant_id,
    ) == [(None, "{}", None)] * 2  # fmt: skip


def test_a_purged_key_is_not_purged_again_and_goes_on_from_its_version(
    keeper: Keeper, superuser: str
) -> None:
    world = keeper.world
    world.put("a", 1)
    keeper.age(superuser, 31)
    keeper.rule("month", days=30)
    keeper.sweep()
    keeper.age(superuser, 400)

    again = keeper.sweep()
    world.put("a", 2)

    assert (again["purged"], again["looked_at"]) == (0, 0)
    assert world.get("a").version == 3
    keeper.age(superuser, 31)
    assert keeper.sweep()["purged"] == 1
    assert world.history("a")[0] == (4, "purge")


def test_deleted_and_expired_keys_lose_what_they_left(keeper: Keeper, superuser: str) -> None:
    world = keeper.world
    for key in ("deleted", "unswept", "living"):
        world.put(key, 1, ttl_seconds=3600 if key == "unswept" else None)
    world.delete("deleted")
    keeper.age(superuser, 8)
    keeper.rule("week after the end", clock="ended", days=7)

    done = keeper.sweep()

    assert done["purged"] == 2
    assert [keeper.values_left(key) for key in ("deleted", "unswept", "living")] == [0, 0, 2]


def test_a_deleted_key_counts_from_when_its_last_life_began(keeper: Keeper, superuser: str) -> None:
    world = keeper.world
    world.put("a", 1, labels={"case": "7"})
    keeper.age(superuser, 31)
    world.delete("a")
    keeper.rule("month", days=30, label="case=7")

    assert keeper.sweep()["purged"] == 1


def test_the_proof_says_what_was_done_and_holds_no_name(keeper: Keeper, superuser: str) -> None:
    world = keeper.world
    for key in ("a", "b"):
        world.put(key, {"n": key})
    keeper.age(superuser, 31)
    keeper.hold(key_pattern="other-*")
    rule = keeper.rule("month", days=30)

    keeper.sweep()

    ((record, batch_ids),) = keeper.rows(
        "SELECT convert_from(r.record, 'UTF8'), b.ids_sha256 FROM stateward_audit_record r"
        " JOIN stateward_purge_batch b ON b.tenant_id = r.tenant_id AND b.record_id = r.id"
        " WHERE r.tenant_id = %s", keeper.tenant_id,
    )  # fmt: skip
    details = json.loads(record)["details"]
    with tenant_scope(keeper.tenant_id):
        configuration = run_flow(load_configuration(keeper.tenant_id))
    hashes = [identity_hash(configuration, world.namespace.id, key) for key in ("a", "b")]
    assert details["ids_sha256"] == sha256(b"".join(sorted(hashes))).hexdigest()
    assert bytes(batch_ids).hex() == details["ids_sha256"]
    assert details["counts"] == {
        "listed": 2, "left_out": 0, "entries": 2, "revisions": 2, "bytes": 18, "changes": 0,
        "audit_payloads": 0,
    }  # fmt: skip
    assert (details["rule_name"], details["rule_version"]) == ("month", 1)
    assert details["holds"]["in_force"] == 1
    assert str(rule.rule.id) in record
    stones = keeper.rows(
        "SELECT id_hash, version FROM stateward_tombstone WHERE tenant_id = %s", keeper.tenant_id
    )
    assert {bytes(one) for one, _ in stones} == set(hashes)
    assert {version for _, version in stones} == {2}
    purges = [one for one in audit_records(keeper.tenant_id) if one[0] == "state.purge"]
    assert sorted(key or "" for _, _, key in purges) == ["", "a", "b"]


def test_audit_payloads_go_where_the_rule_says_so_and_are_old_enough(
    keeper: Keeper, superuser: str
) -> None:
    world = keeper.world
    world.put("a", 1)
    world.put("a", 2)
    keeper.age(superuser, 400)
    with psycopg.connect(superuser, autocommit=True) as session:
        # The first write's record is old; its partition is whatever it was written to.
        session.execute(
            "CREATE TABLE IF NOT EXISTS stateward_audit_record_old PARTITION OF"
            " stateward_audit_record FOR VALUES FROM ('2020-01-01') TO ('2026-01-01')"
        )
        session.execute("ALTER TABLE stateward_audit_record_old OWNER TO stateward_owner")
        session.execute(
            "UPDATE stateward_audit_record SET at = '2025-06-01' WHERE tenant_id = %s"
            " AND entry_key = 'a' AND id IN (SELECT id FROM stateward_audit_record"
            " WHERE tenant_id = %s AND entry_key = 'a' ORDER BY seq LIMIT 1)",
            (keeper.tenant_id, keeper.tenant_id),
        )
    keeper.rule("year", days=365, erase_audit=True)

    assert keeper.sweep()["audit_payloads"] == 1
    named = [key for action, _, key in audit_records(keeper.tenant_id) if "state." in action]
    assert named.count("a") == 1  # the young record's; the purge's own names nothing


def test_an_ended_rule_purges_nothing(keeper: Keeper, superuser: str) -> None:
    keeper.world.put("a", 1)
    keeper.age(superuser, 31)
    rule = keeper.rule("month", days=30)
    end_rule(keeper.owner, system_call(), rule.rule.id)

    assert keeper.sweep()["purged"] == 0


def test_expiry_leaves_what_is_held_and_nothing_waits_behind_it(keeper: Keeper) -> None:
    world = keeper.world
    keeper.hold(key_pattern="held-*")
    for number in range(5):
        world.put(f"held-{number}", 1, ttl_seconds=0.001)
    world.put("free", 1, ttl_seconds=0.001)
    time.sleep(0.01)

    expired = expire_due(keeper.tenant_id, 2)

    assert expired == 1
    assert world.history("free")[0] == (2, "expire")
    assert world.history("held-0") == [(1, "put")]
    assert keeper.values_left("held-0") == 2
    with pytest.raises(NoSuchEntry):
        world.get("held-0")
    assert world.at("held-0", version=1).value == 1
