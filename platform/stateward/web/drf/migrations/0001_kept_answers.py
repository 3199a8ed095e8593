"""The control plane's kept answers."""

import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0003_authentication")]

    operations = [
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=stateward.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("principal_id", models.UUIDField()),
                ("key", models.CharField(max_length=255)),
                ("request_hash", models.BinaryField()),
                ("status", models.SmallIntegerField(null=True)),
                ("content_type", models.CharField(default="application/json", max_length=64)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.JSONField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={"db_table": "stateward_control_idempotency"},
        ),
        migrations.AddConstraint(
            model_name="keptanswer",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "principal_id", "key"), name="one_answer_per_key"
            ),
        ),
        migrations.AddIndex(
            model_name="keptanswer",
            index=models.Index(fields=["created_at"], name="kept_answer_age"),
        ),
        migrations.RunSQL(protect("stateward_control_idempotency"), migrations.RunSQL.noop),
    ]
