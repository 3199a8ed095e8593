"""Quarantines, and the verdicts on what their agents wrote."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect

NOW = django.db.models.functions.datetime.Now()


def uuid_key():
    return models.UUIDField(
        default=stateward.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0004_same_tenant")]

    operations = [
        migrations.CreateModel(
            name="Quarantine",
            fields=[
                ("id", uuid_key()),
                ("tenant_id", models.UUIDField()),
                ("agent_id", models.UUIDField()),
                ("agent_name", models.CharField(max_length=254)),
                ("alert_id", models.UUIDField(null=True)),
                ("reason", models.TextField(blank=True)),
                ("since", models.DateTimeField()),
                ("opened_by", models.CharField(max_length=254)),
                ("opened_at", models.DateTimeField(db_default=NOW)),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_by", models.CharField(blank=True, max_length=254)),
                ("note", models.TextField(blank=True)),
            ],
            options={
                "db_table": "stateward_quarantine",
                "indexes": [models.Index(fields=["tenant_id", "id"], name="quarantines_in_order")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("tenant_id", "agent_id"),
                        name="one_quarantine_an_agent",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Verdict",
            fields=[
                ("id", uuid_key()),
                ("tenant_id", models.UUIDField()),
                (
                    "quarantine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="verdicts",
                        to="quarantine.quarantine",
                    ),
                ),
                ("record_id", models.UUIDField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[("kept", "Kept"), ("rolled_back", "Rolled Back")], max_length=12
                    ),
                ),
                ("version", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField(db_default=NOW)),
                ("by", models.CharField(max_length=254)),
            ],
            options={
                "db_table": "stateward_quarantine_verdict",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "quarantine", "record_id"),
                        name="one_verdict_a_write",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            protect("stateward_quarantine") + protect("stateward_quarantine_verdict"),
            migrations.RunSQL.noop,
        ),
    ]
