"""How much a tenant may plan with, and the reports that were made."""

from django.db import migrations

from stateward.tenancy.rows import APP, append_only, protect

TABLES = """
CREATE TABLE stateward_capacity_quota (
    tenant_id uuid PRIMARY KEY,
    entries bigint CHECK (entries > 0),
    bytes bigint CHECK (bytes > 0),       -- of values and revisions, as they were written
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE stateward_capacity_report (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body jsonb NOT NULL,                  -- counts, days and names of namespaces and agents
    PRIMARY KEY (tenant_id, id)
);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("metrics", "0001_tallies")]

    operations = [
        migrations.RunSQL(
            TABLES, "DROP TABLE stateward_capacity_report, stateward_capacity_quota;"
        ),
        migrations.RunSQL(
            protect("stateward_capacity_quota")
            + protect("stateward_capacity_report")
            + append_only("stateward_capacity_report")
            + f"GRANT DELETE ON stateward_capacity_report TO {APP};",  # past keeping
            migrations.RunSQL.noop,
        ),
    ]
