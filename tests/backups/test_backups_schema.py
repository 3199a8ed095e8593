"""Every table of a tenant is in its backup, or left out for a reason that is written down."""

from __future__ import annotations

import pytest
from django.db import connection

from stateward.kernel.governed import LEFT_OUT, TABLES

TENANT_TABLES = """
SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attname = 'tenant_id' AND NOT a.attisdropped ORDER BY 1
"""

pytestmark = pytest.mark.usefixtures("database")


def tenant_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(TENANT_TABLES)
        return [row[0] for row in cursor.fetchall()]


def test_every_tenant_table_is_backed_up_or_left_out_with_a_reason() -> None:
    silent = [name for name in tenant_tables() if name not in TABLES and name not in LEFT_OUT]

    assert not silent, f"add them to their app's governed.py: {', '.join(silent)}"


def test_nothing_is_both_backed_up_and_left_out() -> None:
    assert not TABLES.keys() & LEFT_OUT.keys()
    assert all(reason.strip() for reason in LEFT_OUT.values())


def test_registered_tables_and_columns_exist() -> None:
    there = set(tenant_tables())

    assert TABLES.keys() <= there
    for table in TABLES.values():
        named = {*table.match, *table.verbatim, *table.inside, *table.people}
        named |= {name for pair in table.digests for name in pair}
        named |= {name for name in (table.follows, table.partitioned_by) if name}
        if table.sealed:
            named |= {table.sealed.value, table.sealed.namespace, table.sealed.key}
            named |= {table.sealed.write_id, table.sealed.hash}
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table.name} WHERE false")
            columns = {column.name for column in cursor.description}
        assert named <= columns, table.name
