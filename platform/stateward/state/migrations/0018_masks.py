"""Masks: kinds of data that a namespace shows only to who may decrypt restricted values."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLES = """
CREATE TABLE stateward_namespace_mask (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    kinds text[] NOT NULL CHECK (cardinality(kinds) BETWEEN 1 AND 40),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, namespace_id)
);
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0017_restrictions")]

    operations = [
        migrations.RunSQL(
            TABLES + protect("stateward_namespace_mask"), "DROP TABLE stateward_namespace_mask;"
        )
    ]
