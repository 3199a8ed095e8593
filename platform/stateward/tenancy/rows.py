"""The second wall: forced row-level security, written once for every tenant table.

The first wall is the explicit ``tenant_id = ...`` in each query. Behind it PostgreSQL itself shows
a session only the rows of the tenant named in ``stateward.tenant``; a session that named none sees
nothing. The application's role owns no table and cannot bypass this. Used by migrations.
"""

from __future__ import annotations

OWNER = "stateward_owner"
APP = "stateward_app"
SEQUENCER = "stateward_sequencer"

# On a reused pooled connection the setting is '' rather than unset, and a bare cast of '' raises.
TENANT = "nullif(current_setting('stateward.tenant', true), '')::uuid"
PERSON = "nullif(current_setting('stateward.person', true), '')::uuid"
PURGED = "nullif(current_setting('stateward.purge', true), '')::uuid"


def protect(table: str, *, column: str = "tenant_id", also: str | None = None) -> str:
    """SQL that shuts ``table`` to all but the tenant of the session; ``also`` is a further
    condition for reading.
    """
    own = f"{column} = {TENANT}"
    read = f"{own} OR {also}" if also else own
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_reads ON {table} FOR SELECT TO {APP} USING ({read});
        CREATE POLICY tenant_inserts ON {table} FOR INSERT TO {APP} WITH CHECK ({own});
        CREATE POLICY tenant_updates ON {table} FOR UPDATE TO {APP}
            USING ({own}) WITH CHECK ({own});
        CREATE POLICY tenant_deletes ON {table} FOR DELETE TO {APP} USING ({own});
        CREATE POLICY owner_purges ON {table} TO {OWNER} USING ({column} = {PURGED});
    """


def sequencer_reads(table: str) -> str:
    """SQL that lets the sequencer's role, which belongs to no tenant, read every row of
    ``table``.
    """
    return f"""
        GRANT SELECT ON {table} TO {SEQUENCER};
        CREATE POLICY sequencer_reads ON {table} FOR SELECT TO {SEQUENCER} USING (true);
    """


def append_only(table: str) -> str:
    """SQL that takes the right to change or remove rows of ``table`` from the application."""
    return f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP};"
