"""Routes of alerts, what is sent over them, and which alerts each was told of."""

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


def of_route(related_name):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to="delivery.route",
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0004_same_tenant")]

    operations = [
        migrations.CreateModel(
            name="Route",
            fields=[
                ("id", uuid_key()),
                ("tenant_id", models.UUIDField()),
                ("name", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("addresses", models.JSONField(default=list)),
                ("url", models.TextField(blank=True)),
                ("secret", models.BinaryField(null=True)),
                ("secret_key_id", models.UUIDField(null=True)),
                ("severity", models.CharField(max_length=10)),
                ("rules", models.JSONField(default=list)),
                ("namespaces", models.JSONField(default=list)),
                ("after_minutes", models.PositiveIntegerField(default=0)),
                ("digest_minutes", models.PositiveIntegerField(default=0)),
                ("quiet_from", models.PositiveSmallIntegerField(null=True)),
                ("quiet_to", models.PositiveSmallIntegerField(null=True)),
                ("enabled", models.BooleanField(default=True)),
                ("disabled_why", models.CharField(blank=True, max_length=200)),
                ("failing_since", models.DateTimeField(null=True)),
                ("said", models.CharField(blank=True, max_length=500)),
                ("sent_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=NOW)),
                ("created_by", models.CharField(max_length=254)),
            ],
            options={
                "db_table": "stateward_alert_route",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "name"), name="route_name_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", uuid_key()),
                ("tenant_id", models.UUIDField()),
                ("route", of_route("deliveries")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("alert", "Alert"),
                            ("ladder", "Ladder"),
                            ("digest", "Digest"),
                            ("test", "Test"),
                        ],
                        max_length=8,
                    ),
                ),
                ("alerts", models.JSONField(default=list)),
                ("title", models.CharField(max_length=300)),
                ("body", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("given_up", "Given Up"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(db_default=NOW)),
                ("said", models.CharField(blank=True, max_length=500)),
                ("made_at", models.DateTimeField(db_default=NOW)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "stateward_alert_delivery",
                "indexes": [
                    models.Index(fields=["tenant_id", "id"], name="deliveries_in_order"),
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["tenant_id", "next_at"],
                        name="deliveries_due",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Told",
            fields=[
                ("id", uuid_key()),
                ("tenant_id", models.UUIDField()),
                ("route", of_route("+")),
                ("alert_id", models.UUIDField()),
            ],
            options={
                "db_table": "stateward_alert_told",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "route", "alert_id"), name="told_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "".join(
                map(
                    protect,
                    ("stateward_alert_route", "stateward_alert_delivery", "stateward_alert_told"),
                )
            ),
            migrations.RunSQL.noop,
        ),
    ]
