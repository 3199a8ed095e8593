"""Row-level security of the tenancy tables, and what later tables need: epochs that begin with their tenant, partitions."""

from django.db import migrations

from stateward.tenancy.models import PLATFORM
from stateward.tenancy.rows import APP, PERSON, SEQUENCER, protect

PARTITIONS = f"""
CREATE FUNCTION stateward_add_partitions(parent text, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Creates the monthly partitions of ``parent`` from last month to ``months`` ahead; answers how many were new. Runs with
-- the owner's right, because the application's role owns nothing. A partition is reached through its parent only, whose
-- row policies then apply: no role has a right on the partition itself.
DECLARE
    first date := date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month';
    month date;
    child text;
    made integer := 0;
BEGIN
    IF parent !~ '^stateward_[a-z_]+$' THEN
        RAISE EXCEPTION 'not a table of ours: %', parent;
    END IF;
    FOR step IN 0 .. months + 1 LOOP
        month := first + make_interval(months => step);
        child := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                           month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
            EXECUTE format('REVOKE ALL ON %I FROM {APP}, {SEQUENCER}', child);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION stateward_add_partitions(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_add_partitions(text, integer) TO {APP};
"""

# The platform's own epoch is every tenant's too; the application raises its tenant's and reads both.
EPOCHS = f"""
INSERT INTO stateward_epoch (tenant_id, epoch, principals, policies, namespaces, schemas, keys)
VALUES ('{PLATFORM}', 1, 1, 1, 1, 1, 1);
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_tenants")]

    operations = [
        migrations.RunSQL(EPOCHS + PARTITIONS, migrations.RunSQL.noop),
        migrations.RunSQL(
            protect("stateward_member", also=f"person_id = {PERSON}")
            + protect("stateward_agent")
            + protect("stateward_credential"),
            migrations.RunSQL.noop,
        ),
    ]
