"""What a statement costs must not depend on how full the table was when it was planned."""

from __future__ import annotations

import json
from collections.abc import Generator
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from stateward.state.statements import READ, WRITE
from stateward.state.travel import OPTIONS
from stateward.tenancy.models import PLATFORM
from tests.servers import TEMPLATE, database_url

TENANT, NAMESPACE, AGENT = UUID(int=71), UUID(int=72), UUID(int=73)
ENTRIES = 5_000
OF_EPOCH = "SELECT epoch FROM stateward_epoch WHERE tenant_id = %s"
FILL = """
INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, value, write_id,
    size_bytes, labels, created_at, updated_at, actor_type, actor_id, actor_name)
SELECT %(tenant)s, %(namespace)s, 'k' || n, 1, true, 'x', gen_random_uuid(), 1, '{}', now(), now(),
    'agent', %(agent)s, 'a' FROM generate_series(1, %(count)s) n
"""
EPOCH = """
INSERT INTO stateward_epoch
SELECT (json_populate_record(e, json_build_object('tenant_id', %s::uuid))).*
FROM stateward_epoch e WHERE tenant_id = %s
"""
# What this transaction has read of the entries so far, by whatever way.
TOUCHED = """
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
FROM pg_stat_xact_user_tables WHERE relname = 'stateward_entry'
"""


@pytest.fixture
def fresh(database: None) -> Generator[str, None, None]:
    """The name of a database in which nothing has been written yet."""
    port = int(connection.settings_dict["PORT"])
    name = f"plans_{uuid4().hex}"
    admin = database_url("postgres", port, "postgres")
    with psycopg.connect(admin, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        with psycopg.connect(database_url("postgres", port, name), autocommit=True) as session:
            session.execute("SET session_replication_role = replica")
            session.execute("ALTER TABLE stateward_entry SET (autovacuum_enabled = false)")
            session.execute(EPOCH, (TENANT, PLATFORM))
        yield name
    finally:
        with psycopg.connect(admin, autocommit=True) as session:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")


def write(session: psycopg.Connection, *keys: str) -> list[str]:
    """Put each key, as a group would; the verdicts."""
    items = [
        {
            "i": i, "ns": str(NAMESPACE), "k": key, "op": "put", "vo": 0, "vl": 1, "sz": 1,
            "wid": str(uuid4()), "vh": "00", "da": True, "dl": {}, "tm": "keep", "inm": False,
            "aty": "agent", "aid": str(AGENT), "an": "a", "rid": str(uuid4()), "ho": 0, "hl": 1,
            "mo": 0, "ml": 1, "pl": {"key": key}, "act": "state.write", "cls": "internal",
            "rq": "r",
        }
        for i, key in enumerate(keys)
    ]  # fmt: skip
    mine, platform = (
        session.execute(OF_EPOCH, (tenant,)).fetchone() for tenant in (TENANT, PLATFORM)
    )
    parameters = (TENANT, mine[0], platform[0], "group", json.dumps(items), b"x")
    return [row[1] for row in session.execute(WRITE, parameters).fetchall()]


def test_a_plan_made_on_an_empty_table_serves_a_full_one(fresh: str) -> None:
    port = int(connection.settings_dict["PORT"])
    with psycopg.connect(
        database_url("stateward_app", port, fresh), options=OPTIONS, prepare_threshold=0
    ) as session:
        session.execute("SELECT set_config('stateward.tenant', %s, false)", (str(TENANT),))
        # Planned now, when nothing is there.
        assert write(session, "k1", "new") == ["done", "done"]
        reads = json.dumps([{"i": 0, "ns": str(NAMESPACE), "k": "k1", "h": None}])
        assert len(session.execute(READ, (TENANT, reads)).fetchall()) == 1
        session.rollback()
        with psycopg.connect(database_url("postgres", port, fresh)) as filler:
            filler.execute(
                FILL,
                {"tenant": TENANT, "namespace": NAMESPACE, "agent": AGENT, "count": ENTRIES},
            )
        session.execute("SELECT set_config('stateward.tenant', %s, false)", (str(TENANT),))
        before = session.execute(TOUCHED).fetchone()[0]
        assert sorted(write(session, "k1", "k2", "k3")) == ["done"] * 3
        assert len(session.execute(READ, (TENANT, reads)).fetchall()) == 1
        # Locked, judged and changed: three times each written row, and once the one read.
        assert session.execute(TOUCHED).fetchone()[0] - before <= 3 * 3 + 1
