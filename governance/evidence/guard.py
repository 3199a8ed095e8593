"""A second lock on the audit's records: triggers that refuse changes even to the table's owner.

The application has no right to change a record in any case. These triggers stop the owner's slips
and whoever has the owner's password, but not a superuser, who can disable them: only copies
elsewhere help against that. They are an optional step, because Citus refuses triggers.

What stays possible is what the product itself does: erasing personal values beside a record, which
leaves the record as it is, and removing a tenant's records where the tenant itself is deleted.
"""

from __future__ import annotations

import psycopg

INSTALLED = """
SELECT EXISTS (SELECT FROM pg_trigger
    WHERE tgname = 'audit_guard' AND tgrelid = 'stateward_audit_record'::regclass)
"""
ON_CITUS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"
INSTALL = """
CREATE OR REPLACE FUNCTION stateward_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(new) - '{payload,entry_key}'::text[]
            = to_jsonb(old) - '{payload,entry_key}'::text[] THEN
        RETURN new;
    END IF;
    IF TG_OP = 'DELETE' AND current_setting('stateward.purge', true) = old.tenant_id::text THEN
        RETURN old;
    END IF;
    RAISE EXCEPTION 'stateward_audit_record: records are never changed (%)', TG_OP;
END $$;
CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON stateward_audit_record
    FOR EACH ROW EXECUTE FUNCTION stateward_audit_guard();
CREATE TRIGGER audit_guard_whole BEFORE TRUNCATE ON stateward_audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION stateward_audit_guard();
"""
REMOVE = """
DROP TRIGGER IF EXISTS audit_guard ON stateward_audit_record;
DROP TRIGGER IF EXISTS audit_guard_whole ON stateward_audit_record;
DROP FUNCTION IF EXISTS stateward_audit_guard();
"""


def install(owner_url: str) -> str:
    """As the owner. Says ``installed``, ``there already``, or ``skipped`` where Citus is."""
    with psycopg.connect(owner_url) as owner:
        if _is(owner, ON_CITUS):
            return "skipped"
        if _is(owner, INSTALLED):
            return "there already"
        owner.execute(INSTALL)
        return "installed"


def remove(owner_url: str) -> str:
    """Says ``removed``, whether it was there or not."""
    with psycopg.connect(owner_url) as owner:
        owner.execute(REMOVE)
        return "removed"


def _is(owner: psycopg.Connection, question: str) -> bool:
    row = owner.execute(question).fetchone()
    return row is not None and bool(row[0])
