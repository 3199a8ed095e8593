"""How firmly a policy decides, and exceptions from soft ones."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import stateward.kernel.ids
from stateward.tenancy.rows import append_only, protect


def level():
    return models.CharField(db_default="hard", default="hard", max_length=8)


class Migration(migrations.Migration):
    dependencies = [("policy", "0001_policies")]

    operations = [
        migrations.AddField("policy", "level", level()),
        migrations.AddField("policyactivation", "from_level", level()),
        migrations.AddField("policyactivation", "to_level", level()),
        migrations.AddField(
            "policyactivation",
            "is_emergency",
            models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="PolicyOverride",
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
                ("principal_type", models.CharField(max_length=16)),
                ("principal_id", models.CharField(max_length=64)),
                ("action", models.CharField(max_length=64)),
                ("resource_type", models.CharField(max_length=16)),
                ("resource_id", models.CharField(max_length=1200)),
                ("reason", models.TextField()),
                ("approvals", models.JSONField(default=list)),
                ("given_at", models.DateTimeField(db_default=Now())),
                ("ends_at", models.DateTimeField()),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
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
                "db_table": "stateward_policy_override",
                "indexes": [
                    models.Index(fields=["tenant", "ends_at"], name="policy_override_until")
                ],
            },
        ),
        migrations.RunSQL(
            protect("stateward_policy_override") + append_only("stateward_policy_override"),
            migrations.RunSQL.noop,
        ),
    ]
