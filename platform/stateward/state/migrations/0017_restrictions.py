"""Restrictions of processing: keys that are kept, read for one purpose only, and not changed."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLES = """
CREATE TABLE stateward_restriction (
    tenant_id uuid NOT NULL,
    request_id uuid NOT NULL,             -- the subject request that it rests on
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    purpose text NOT NULL,                -- what it may still be read for
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, request_id, namespace_id, key)
);
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0016_walks")]

    operations = [
        migrations.RunSQL(
            TABLES + protect("stateward_restriction"), "DROP TABLE stateward_restriction;"
        )
    ]
