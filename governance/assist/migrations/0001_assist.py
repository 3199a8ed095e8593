"""Calls to the model, counted for the limits."""

import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0004_same_tenant")]

    operations = [
        migrations.CreateModel(
            name="AssistCall",
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
                ("kind", models.CharField(max_length=16)),
                ("actor_type", models.CharField(max_length=10)),
                ("actor_id", models.UUIDField()),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(default="", max_length=40)),
                ("tokens", models.PositiveIntegerField(default=0)),
            ],
            options={
                "db_table": "stateward_assist_call",
                "indexes": [
                    models.Index(fields=["tenant_id", "started_at"], name="assist_calls_lately")
                ],
            },
        ),
        migrations.RunSQL(protect("stateward_assist_call"), migrations.RunSQL.noop),
    ]
