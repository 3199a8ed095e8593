"""Checks over a tenant of 100,000 entries look at every one of them."""

from __future__ import annotations

import pytest

from governance.compliance.registry import find_check
from governance.compliance.results import Answer
from governance.compliance.scanning import ask
from tests.audit.audit_helpers import connect, seal
from tests.compliance.cases_state import SEALS
from tests.factories.state import World, make_world

pytestmark = pytest.mark.usefixtures("database")

MANY = 100_000
# As writes leave them: an entry, its revision and its record of one moment, sealed under the
# namespace's key. What is sealed in them is nothing.
ENTRIES = """
INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, value, write_id,
    value_hash, size_bytes, labels, created_at, updated_at, actor_type, actor_id, actor_name)
SELECT k.tenant_id, k.namespace_id, 'case-' || n, 1, true,
    '\\x0101'::bytea || uuid_send(k.id) || int4send(k.version) || sha256(n::text::bytea),
    gen_random_uuid(), sha256('x'), 4, '{}', moment, moment, 'agent', gen_random_uuid(), 'filler'
FROM stateward_data_key k, generate_series(1, %(many)s) n,
    LATERAL (SELECT now() - n * interval '1 millisecond' AS moment) m
WHERE k.tenant_id = %(tenant)s AND k.namespace_id = %(namespace)s
"""
REVISIONS = """
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation, value,
    value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, updated_at, write_id, namespace_id, key, 1, 'put', value, value_hash, size_bytes,
    labels, created_at, actor_type, actor_id, actor_name
FROM stateward_entry WHERE tenant_id = %(tenant)s
"""
RECORDS = """
INSERT INTO stateward_audit_record (tenant_id, at, id, action, outcome, actor_type, actor_id,
    actor_name, resource_type, resource_id, namespace_id, request_id, record, payload)
SELECT tenant_id, updated_at, gen_random_uuid(), 'state.write', 'allow', actor_type, actor_id,
    actor_name, 'entry', namespace_id::text, namespace_id, 'r', convert_to(key, 'UTF8'), '{}'
FROM stateward_entry WHERE tenant_id = %(tenant)s
"""


def filled() -> World:
    world = make_world()
    given = {"tenant": world.tenant.id, "namespace": world.namespace.id, "many": MANY}
    with connect() as superuser:
        superuser.execute("SET LOCAL session_replication_role = replica")
        for statement in (ENTRIES, REVISIONS, RECORDS):
            assert superuser.execute(statement, given).rowcount == MANY
    seal(SEALS)
    return world


def answer_of(world: World, check_id: str) -> Answer:
    check = find_check(check_id)
    assert check is not None
    return ask(check, world.tenant)[0]


def test_checks_look_at_every_one_of_a_hundred_thousand() -> None:
    world = filled()

    changes, log, keys = (answer_of(world, check_id) for check_id in ("C18", "C20", "C34"))

    assert (changes.outcome, changes.population) == ("pass", MANY)
    assert (log.outcome, keys.outcome) == ("pass", "pass")
    assert log.population is not None
    assert log.population >= MANY
    with connect(autocommit=True) as superuser:
        superuser.execute(
            "DELETE FROM stateward_audit_record WHERE tenant_id = %s AND record = 'case-70000'",
            (world.tenant.id,),
        )
    missing, broken = answer_of(world, "C18"), answer_of(world, "C20")
    assert (missing.outcome, missing.failing) == ("fail", 1)
    assert (broken.outcome, broken.items[0].kind) == ("fail", "audit_index")
