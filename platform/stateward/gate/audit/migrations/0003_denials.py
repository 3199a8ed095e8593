"""Whether a record was written already: asked before a killed process's denials are written for it."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION stateward_audit_has(p_tenant uuid, p_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    before text := current_setting('stateward.tenant', true);
    is_there boolean;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    SELECT EXISTS (SELECT 1 FROM stateward_audit_record WHERE tenant_id = p_tenant AND id = p_id) INTO is_there;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN is_there;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_read_counts")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION stateward_audit_has(uuid, uuid);")]
