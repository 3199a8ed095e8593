"""References stay within a tenant; keys know what replaces them; sign-in limits are counted in the database.

PostgreSQL checks foreign keys with row-level security set aside. A plain reference to another tenant's row would pass, and so
tell that the row exists. References therefore carry the tenant, and another tenant's id fails as one that nobody has.
"""

from django.db import migrations, models

SAME_TENANT = """
DO $$
DECLARE
    old record;
BEGIN
    -- Django's own constraints of these columns; their names hold a hash.
    FOR old IN
        SELECT c.conrelid::regclass AS holder, c.conname AS name
        FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
        WHERE c.contype = 'f' AND cardinality(c.conkey) = 1
          AND (c.conrelid::regclass::text, a.attname) IN
              (('stateward_agent', 'owner_id'), ('stateward_credential', 'agent_id'), ('stateward_credential', 'member_id'))
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', old.holder, old.name);
    END LOOP;
END $$;
ALTER TABLE stateward_member ADD CONSTRAINT member_of_tenant UNIQUE (tenant_id, id);
ALTER TABLE stateward_agent ADD CONSTRAINT agent_of_tenant UNIQUE (tenant_id, id);
ALTER TABLE stateward_agent ADD CONSTRAINT agent_owner_of_tenant
    FOREIGN KEY (tenant_id, owner_id) REFERENCES stateward_member (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE stateward_credential ADD CONSTRAINT credential_agent_of_tenant
    FOREIGN KEY (tenant_id, agent_id) REFERENCES stateward_agent (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE stateward_credential ADD CONSTRAINT credential_member_of_tenant
    FOREIGN KEY (tenant_id, member_id) REFERENCES stateward_member (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""

# The shape Django's database cache expects; it counts sign-in attempts for all processes alike.
CACHE = """
CREATE UNLOGGED TABLE stateward_cache (
    cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX stateward_cache_expires ON stateward_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0003_authentication")]

    operations = [
        migrations.AddField("credential", "replaced_by", models.UUIDField(null=True)),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
        migrations.RunSQL(CACHE, "DROP TABLE stateward_cache"),
    ]
