"""Where a tenant's audit log is copied to."""

import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0004_same_tenant"), ("audit", "0007_small_batches")]

    operations = [
        migrations.CreateModel(
            name="Sink",
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
                ("name", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("format", models.CharField(max_length=16)),
                ("settings", models.JSONField(default=dict)),
                ("secret", models.BinaryField(null=True)),
                ("secret_key_id", models.UUIDField(null=True)),
                ("with_payload", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("paused", "Paused"),
                            ("disabled", "Disabled"),
                        ],
                        default="active",
                        max_length=16,
                    ),
                ),
                ("cursor", models.BigIntegerField(default=0)),
                ("pending", models.BigIntegerField(null=True)),
                ("checkpoint_size", models.BigIntegerField(default=0)),
                ("checkpoint_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(null=True)),
                (
                    "next_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("said", models.CharField(blank=True, max_length=500)),
                ("answer", models.CharField(blank=True, max_length=1100)),
                ("tested_at", models.DateTimeField(null=True)),
                ("test_said", models.CharField(blank=True, max_length=500)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=254)),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "stateward_sink",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "name"), name="sink_name_once_per_tenant"
                    )
                ],
            },
        ),
        migrations.RunSQL(protect("stateward_sink"), migrations.RunSQL.noop),
    ]
