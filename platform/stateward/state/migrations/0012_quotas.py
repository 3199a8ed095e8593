"""Quotas that refuse, and the usage they are compared with: rows that each process adds for itself, so that no write
touches a row that others write.
"""

from django.db import migrations

from stateward.tenancy.rows import APP, protect

TABLES = """
CREATE TABLE stateward_quota (
    tenant_id uuid NOT NULL,
    subject uuid NOT NULL,                -- a namespace's id, or the tenant's own for all of them
    entries bigint CHECK (entries > 0),   -- that live
    bytes bigint CHECK (bytes > 0),       -- of values and revisions, as they were written
    writes_per_day bigint CHECK (writes_per_day > 0),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, subject)
);

-- What a namespace holds is the sum of its rows. Processes only add; a measurement replaces all it sees by what it
-- counted, and what lies between is merged.
CREATE TABLE stateward_usage (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    namespace_id uuid NOT NULL,
    day date NOT NULL,                    -- UTC
    entries bigint NOT NULL,
    bytes bigint NOT NULL,
    writes bigint NOT NULL,
    conflicts bigint NOT NULL,            -- writes refused because another was quicker
    PRIMARY KEY (tenant_id, id)
);
"""

ADD = f"""
CREATE FUNCTION stateward_add_usage(p_tenant uuid, p_rows jsonb) RETURNS integer LANGUAGE plpgsql AS $$
-- Adds what a process wrote and nobody has counted yet; answers how many rows that were.
DECLARE
    before text := current_setting('stateward.tenant', true);
    written integer;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_usage (tenant_id, namespace_id, day, entries, bytes, writes, conflicts)
        SELECT p_tenant, r.ns, (clock_timestamp() AT TIME ZONE 'UTC')::date, r.e, r.b, r.w, r.c
        FROM jsonb_to_recordset(p_rows) AS r (ns uuid, e bigint, b bigint, w bigint, c bigint);
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN written;
END $$;
GRANT EXECUTE ON FUNCTION stateward_add_usage(uuid, jsonb) TO {APP};
"""

DROP = (
    "DROP FUNCTION stateward_add_usage(uuid, jsonb); DROP TABLE stateward_usage, stateward_quota;"
)


class Migration(migrations.Migration):
    dependencies = [("state", "0011_modes")]

    operations = [
        migrations.RunSQL(
            TABLES + ADD + protect("stateward_quota") + protect("stateward_usage"), DROP
        )
    ]
