"""Taking leases: who waits, in order; what a repeat is answered that no revision can tell."""

from django.db import migrations

from stateward.state.sql import install
from stateward.tenancy.rows import protect

TABLES = """
ALTER TABLE stateward_idempotency ADD COLUMN answer jsonb;

CREATE INDEX stateward_entry_leases ON stateward_entry (tenant_id, namespace_id, lease_id)
    WHERE lease_id IS NOT NULL;

CREATE TABLE stateward_lease_ticket (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,               -- drawn under the key's row lock: the order of arrival
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,        -- whoever waits moves it on; past it nobody waits here
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stateward_lease_ticket_line ON stateward_lease_ticket (tenant_id, namespace_id, key, seq);
"""
DROP = """
DROP TABLE stateward_lease_ticket;
DROP INDEX stateward_entry_leases;
ALTER TABLE stateward_idempotency DROP COLUMN answer;
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0008_schema_versions")]

    operations = [migrations.RunSQL(TABLES + protect("stateward_lease_ticket") + install(), DROP)]
