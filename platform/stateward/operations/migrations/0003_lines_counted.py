"""The number of a run's last line, so that whoever follows the run need not look for new ones."""

from django.db import migrations

ADD = "ALTER TABLE stateward_job_open ADD COLUMN lines integer NOT NULL DEFAULT 0"


class Migration(migrations.Migration):
    dependencies = [("operations", "0002_trusted_runs")]

    operations = [
        migrations.RunSQL(ADD, "ALTER TABLE stateward_job_open DROP COLUMN lines"),
    ]
