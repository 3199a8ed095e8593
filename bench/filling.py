"""Very many entries, straight into the tables: ``python -m bench.filling NAMESPACE FIRST LAST``.

Keys ``k<n>``, sealed as a write would have sealed them, each with its revision; no audit records.
Reached by COPY, because ten million writes would take an hour; small values, because it is the
number of rows that is to grow. Needs the superuser's address in BENCH_SUPERUSER_URL.
"""

from __future__ import annotations

import os
import sys

import django
import psycopg
from psycopg.types.json import Jsonb

COLUMNS = (
    "tenant_id, namespace_id, key, version, is_alive, value, write_id, value_hash, size_bytes,"
    " labels, created_at, updated_at, actor_type, actor_id, actor_name"
)
TYPES = (
    *("uuid", "uuid", "text", "int8", "bool", "bytea", "uuid", "bytea", "int4", "jsonb"),
    *("timestamptz", "timestamptz", "text", "uuid", "text"),
)
PLACE = """
SELECT n.tenant_id, n.id, a.id, clock_timestamp()
FROM stateward_namespace n JOIN stateward_agent a ON a.tenant_id = n.tenant_id AND a.name = 'bench'
WHERE n.name = %s
"""
REVISIONS = """
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation, value,
    value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, updated_at, write_id, namespace_id, key, version, 'put', value, value_hash,
    size_bytes, labels, created_at, actor_type, actor_id, actor_name
FROM stateward_entry WHERE tenant_id = %s AND namespace_id = %s AND updated_at = %s
"""


def fill(namespace: str, first: int, last: int) -> None:
    from stateward.gate.keys.load import load_keys, load_namespace_keys
    from stateward.tenancy.scope import run_flow, tenant_scope

    with psycopg.connect(os.environ["BENCH_SUPERUSER_URL"]) as connection:
        row = connection.execute(PLACE, (namespace,)).fetchone()
        assert row is not None
        tenant_id, namespace_id, agent_id, moment = row
        with tenant_scope(tenant_id):
            ring = run_flow(load_keys(tenant_id))
            run_flow(load_namespace_keys(ring, namespace_id))
        labels = Jsonb({})
        command = f"COPY stateward_entry ({COLUMNS}) FROM STDIN (FORMAT binary)"
        with connection.cursor() as cursor, cursor.copy(command) as copy:
            copy.set_types(TYPES)
            for number in range(first, last + 1):
                key, plain = f"k{number}", b'{"n":%d}' % number
                sealed = ring.seal(namespace_id, key, "value", plain)
                copy.write_row(
                    (
                        tenant_id, namespace_id, key, 1, True, sealed.data, sealed.write_id,
                        ring.value_hash(plain), len(plain), labels, moment, moment, "agent",
                        agent_id, "bench",
                    )
                )  # fmt: skip
        connection.execute(REVISIONS, (tenant_id, namespace_id, moment))


if __name__ == "__main__":
    django.setup()
    fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
