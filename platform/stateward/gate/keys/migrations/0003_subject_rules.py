"""Where a namespace's values, or its keys, name the person they are about."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLE = """
CREATE TABLE stateward_subject_rule (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    path text NOT NULL,                   -- a JSON pointer into the value, or a key with {} in it
    PRIMARY KEY (tenant_id, namespace_id)
);
"""


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_life_cycle")]

    operations = [
        migrations.RunSQL(
            TABLE + protect("stateward_subject_rule"), "DROP TABLE stateward_subject_rule;"
        )
    ]
