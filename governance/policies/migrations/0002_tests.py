"""Tests beside policies, and what a tenant asks of activations."""

import django.db.models.deletion
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    dependencies = [("policy_management", "0001_dry_runs"), ("policy", "0002_levels")]

    operations = [
        migrations.CreateModel(
            name="PolicyTest",
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
                ("case", models.JSONField()),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tests",
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
                "db_table": "stateward_policy_test",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "policy", "number"), name="policy_test_number_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicySetting",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenancy.tenant",
                    ),
                ),
                ("dry_run_hours", models.PositiveIntegerField(default=0)),
            ],
            options={"db_table": "stateward_policy_setting"},
        ),
        migrations.RunSQL(
            protect("stateward_policy_test") + protect("stateward_policy_setting"),
            migrations.RunSQL.noop,
        ),
    ]
