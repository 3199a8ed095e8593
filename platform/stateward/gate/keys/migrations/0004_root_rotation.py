"""One root key takes the place of another."""

from django.db import migrations

from stateward.gate.keys.sql import install


class Migration(migrations.Migration):
    dependencies = [("keys", "0003_subject_rules"), ("audit", "0004_trees")]

    operations = [migrations.RunSQL(install(), migrations.RunSQL.noop)]
