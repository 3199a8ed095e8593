"""Emptying older versions of an entry that lives on: what of its history was about somebody else."""

from django.db import migrations

from stateward.tenancy.rows import APP

FUNCTION = f"""
CREATE FUNCTION stateward_empty_versions(p_tenant uuid, p_items json)
RETURNS TABLE (revisions bigint, bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
-- Empties versions up to v of each of these keys (``p_items``: ns, k and v), but never the newest one, in the caller's
-- transaction.
BEGIN
    IF current_setting('stateward.tenant', true) IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'not in this tenant''s scope' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('stateward.purge', p_tenant::text, true);
    WITH wanted AS (
        SELECT x.ns, x.k, x.v FROM json_to_recordset(p_items) AS x (ns uuid, k text, v bigint)
    ), emptied AS (
        UPDATE stateward_revision r SET value = NULL, value_hash = NULL, note = NULL, labels = '{{}}'
        FROM wanted w JOIN stateward_entry e ON e.tenant_id = p_tenant AND e.namespace_id = w.ns
          AND e.key = w.k COLLATE "C"
        WHERE r.tenant_id = p_tenant AND r.namespace_id = w.ns AND r.key = w.k COLLATE "C"
          AND r.version <= w.v AND r.version < e.version
          AND (r.value IS NOT NULL OR r.value_hash IS NOT NULL OR r.note IS NOT NULL
               OR r.labels <> '{{}}')
        RETURNING r.size_bytes
    )
    SELECT count(*), coalesce(sum(size_bytes), 0) FROM emptied INTO revisions, bytes;
    PERFORM set_config('stateward.purge', '', true);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION stateward_empty_versions(uuid, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_empty_versions(uuid, json) TO {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0018_masks")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION stateward_empty_versions(uuid, json);")
    ]
