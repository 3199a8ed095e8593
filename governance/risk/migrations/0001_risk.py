"""What each agent's hours came to."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLE = """
CREATE TABLE stateward_agent_risk (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    denials bigint NOT NULL,
    errors bigint NOT NULL,          -- rules or values that failed, in its calls
    low integer NOT NULL,            -- alerts about it that opened in the hour, by severity
    medium integer NOT NULL,
    high integer NOT NULL,
    critical integer NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, hour)
);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0004_same_tenant"), ("detection", "0001_detection")]

    operations = [
        migrations.RunSQL(
            TABLE + protect("stateward_agent_risk"), "DROP TABLE stateward_agent_risk;"
        )
    ]
