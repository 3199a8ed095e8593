"""Reads of public and internal data: counted by minute and decision class, not recorded one by one."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLE = """
CREATE TABLE stateward_audit_read_count (
    tenant_id uuid NOT NULL,
    minute timestamptz NOT NULL,
    class bytea NOT NULL,                 -- hash of all that follows but the count
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    action text NOT NULL,
    namespace_id uuid,
    classification text NOT NULL,
    decision jsonb NOT NULL,              -- its facts but for the id: what a dry run needs to make it again
    count bigint NOT NULL,
    PRIMARY KEY (tenant_id, minute, class)
);

CREATE FUNCTION stateward_audit_count_reads(p_tenant uuid, p_items jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- Adds to the counts of one tenant, in key order so that two processes cannot deadlock.
DECLARE
    before text := current_setting('stateward.tenant', true);
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_audit_read_count AS c
        (tenant_id, minute, class, actor_type, actor_id, action, namespace_id, classification, decision, count)
    SELECT p_tenant, i.minute, decode(i.class, 'hex'), i.actor_type, i.actor_id, i.action, i.namespace_id,
        i.classification, i.decision, i.count
    FROM jsonb_to_recordset(p_items) AS i (minute timestamptz, class text, actor_type text, actor_id uuid,
        action text, namespace_id uuid, classification text, decision jsonb, count bigint)
    ORDER BY 2, 3
    ON CONFLICT (tenant_id, minute, class) DO UPDATE SET count = c.count + excluded.count;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
END $$;
"""

DROP = """
DROP FUNCTION stateward_audit_count_reads(uuid, jsonb);
DROP TABLE stateward_audit_read_count;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_records")]

    operations = [
        migrations.RunSQL(TABLE, DROP),
        migrations.RunSQL(protect("stateward_audit_read_count"), migrations.RunSQL.noop),
    ]
