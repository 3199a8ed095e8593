"""The modes merge, reducer and crdt. Functions: an action answers 200, and a key that appeared meanwhile is no refusal of
what was computed from its absence.
"""

from django.db import migrations, models

from stateward.state.sql import install


class Migration(migrations.Migration):
    dependencies = [("state", "0010_history")]

    operations = [
        migrations.AddField("namespace", "reducer", models.JSONField(null=True)),
        migrations.AddField("namespace", "crdt", models.JSONField(null=True)),
        migrations.RunSQL(install(), migrations.RunSQL.noop),
    ]
