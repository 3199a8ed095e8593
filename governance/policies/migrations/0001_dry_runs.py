"""Dry runs of policies over the recorded decisions."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("policy", "0001_policies"),
        ("tenancy", "0004_same_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="DryRun",
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
                ("version", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("namespace", models.CharField(blank=True, max_length=640)),
                ("run_id", models.UUIDField(null=True)),
                ("asked_by_type", models.CharField(max_length=16)),
                ("asked_by_id", models.UUIDField()),
                ("asked_by_name", models.CharField(max_length=200)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("policy_set", models.CharField(blank=True, max_length=64)),
                ("result", models.JSONField(null=True)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dry_runs",
                        to="policy.policy",
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
            options={
                "db_table": "stateward_policy_dry_run",
                "indexes": [
                    models.Index(fields=["tenant", "policy", "-id"], name="policy_dry_run_newest")
                ],
            },
        ),
        migrations.RunSQL(protect("stateward_policy_dry_run"), migrations.RunSQL.noop),
    ]
