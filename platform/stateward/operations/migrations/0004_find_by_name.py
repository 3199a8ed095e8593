"""The newest runs of one job, of a tenant or of the platform."""

from django.db import migrations

ADD = """
DROP INDEX stateward_job_run_latest;
CREATE INDEX stateward_job_run_by_name ON stateward_job_run (tenant_id, name, queued_at DESC);
"""
UNDO = """
DROP INDEX stateward_job_run_by_name;
CREATE INDEX stateward_job_run_latest ON stateward_job_run (name, queued_at DESC) WHERE tenant_id IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("operations", "0003_lines_counted")]

    operations = [migrations.RunSQL(ADD, UNDO)]
