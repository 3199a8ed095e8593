"""The registry of schema versions; each revision says by which version its value was judged."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.state.sql import install
from stateward.tenancy.rows import protect

# NULL: written before versions were recorded, or no value.
COLUMN = "ALTER TABLE stateward_revision ADD COLUMN schema_version integer;"
DROP = "ALTER TABLE stateward_revision DROP COLUMN schema_version;"


class Migration(migrations.Migration):
    dependencies = [("state", "0007_transactions")]

    operations = [
        migrations.AddField("namespace", "pending_version", models.IntegerField(null=True)),
        migrations.AddField(
            "namespace", "pending_is_exclusive", models.BooleanField(default=False)
        ),
        migrations.AddField("namespace", "pending_run", models.UUIDField(null=True)),
        migrations.CreateModel(
            name="SchemaVersion",
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
                ("schema", models.JSONField(null=True)),
                ("state", models.CharField(default="draft", max_length=8)),
                ("base", models.PositiveIntegerField(default=0)),
                ("steps", models.JSONField(null=True)),
                ("inverse", models.JSONField(null=True)),
                ("note", models.TextField(blank=True)),
                ("author_type", models.CharField(max_length=16)),
                ("author_id", models.UUIDField()),
                ("author_name", models.CharField(max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("activated_at", models.DateTimeField(null=True)),
                ("retired_at", models.DateTimeField(null=True)),
                ("coverage", models.CharField(blank=True, max_length=16)),
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
            options={"db_table": "stateward_schema_version"},
        ),
        migrations.AddConstraint(
            model_name="schemaversion",
            constraint=models.UniqueConstraint(
                fields=("tenant", "namespace", "number"), name="schema_version_number_once"
            ),
        ),
        migrations.RunSQL(protect("stateward_schema_version") + COLUMN + install(), DROP),
    ]
