"""Very many entries at once, as writes would have left them: sealed, with their revisions."""

from __future__ import annotations

import os
import random
from uuid import UUID

import psycopg

from stateward.gate.keys.load import load_keys, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.state.entries import Principal
from stateward.tenancy.scope import run_flow, tenant_scope

COLUMNS = (
    "tenant_id, namespace_id, key, version, is_alive, value, write_id, value_hash, size_bytes,"
    " labels, created_at, updated_at, actor_type, actor_id, actor_name"
)
TYPES = (
    *("uuid", "uuid", "text", "int8", "bool", "bytea", "uuid", "bytea", "int4", "jsonb"),
    *("timestamptz", "timestamptz", "text", "uuid", "text"),
)
REVISIONS = """
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation, value,
    value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, updated_at, write_id, namespace_id, key, version, 'put', value, value_hash,
    size_bytes, labels, created_at, actor_type, actor_id, actor_name
FROM stateward_entry WHERE tenant_id = %s AND namespace_id = %s
"""


def fill(tenant_id: UUID, namespace_id: UUID, by: Principal, count: int) -> None:
    """``count`` entries ``case-000000`` and on. There are no audit records of them."""
    ring = ring_of(tenant_id, namespace_id)
    chance = random.Random(7)
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as superuser:
        moment = superuser.execute("SELECT now()").fetchone()
        assert moment
        with (
            superuser.cursor() as cursor,
            cursor.copy(f"COPY stateward_entry ({COLUMNS}) FROM STDIN (FORMAT binary)") as copy,
        ):
            copy.set_types(TYPES)
            for number in range(count):
                key, plain = f"case-{number:06}", value_of(number, chance)
                sealed = ring.seal(namespace_id, key, "value", plain)
                copy.write_row(
                    (
                        tenant_id, namespace_id, key, 1, True, sealed.data,
                        sealed.write_id, ring.value_hash(plain), len(plain),
                        psycopg.types.json.Jsonb({}), moment[0], moment[0],
                        by.type, by.id, by.name,
                    )
                )  # fmt: skip
        superuser.execute(REVISIONS, (tenant_id, namespace_id))


def value_of(number: int, chance: random.Random) -> bytes:
    return b'{"n":%d,"text":"%s"}' % (number, chance.randbytes(40).hex().encode())


def ring_of(tenant_id: UUID, namespace_id: UUID) -> KeyRing:
    with tenant_scope(tenant_id):
        ring = run_flow(load_keys(tenant_id))
        run_flow(load_namespace_keys(ring, namespace_id))
    return ring
