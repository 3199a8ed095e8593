"""Runs of work on schemas."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    initial = True
    dependencies = [("state", "0008_schema_versions"), ("tenancy", "0002_walls")]

    operations = [
        migrations.CreateModel(
            name="SchemaRun",
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
                ("number", models.PositiveIntegerField()),
                ("kind", models.CharField(max_length=16)),
                ("state", models.CharField(default="queued", max_length=16)),
                ("only_new_writes", models.BooleanField(default=False)),
                ("max_errors", models.PositiveIntegerField(default=0)),
                ("note", models.TextField(blank=True)),
                ("version_before", models.PositiveIntegerField(default=0)),
                ("undoes", models.UUIDField(null=True)),
                ("job_run", models.UUIDField(null=True)),
                ("counts", models.JSONField(default=dict)),
                ("samples", models.JSONField(default=list)),
                ("actor_type", models.CharField(max_length=16)),
                ("actor_id", models.UUIDField()),
                ("actor_name", models.CharField(max_length=200)),
                ("scopes", models.JSONField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "namespace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="state.namespace",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={"db_table": "stateward_schema_run"},
        ),
        migrations.AddIndex(
            model_name="schemarun",
            index=models.Index(
                fields=["tenant", "namespace", "-created_at"], name="schema_run_newest"
            ),
        ),
        migrations.RunSQL(protect("stateward_schema_run"), migrations.RunSQL.noop),
    ]
