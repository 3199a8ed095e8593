"""How often a tenant's callers may call: one row for the tenant, one for each credential that has a limit of its own."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLE = """
CREATE TABLE stateward_rate_limit (
    tenant_id uuid NOT NULL,
    subject uuid NOT NULL,                -- a credential's id, or the tenant's own
    per_second double precision NOT NULL CHECK (per_second > 0),
    burst integer NOT NULL CHECK (burst > 0),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, subject)
);
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0004_same_tenant")]

    operations = [
        migrations.RunSQL(
            TABLE + protect("stateward_rate_limit"), "DROP TABLE stateward_rate_limit;"
        )
    ]
