"""Alerts, what tenants change of the rules, and how far each rule has looked."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect

TABLES = """
CREATE TABLE stateward_detection_progress (
    tenant_id uuid NOT NULL,
    rule text NOT NULL,
    snapshot pg_snapshot NOT NULL,        -- what was visible at the last look: new is what is not
    until timestamptz NOT NULL,
    evaluated_at timestamptz,             -- null: begun, never finished
    error text,                           -- the kind of error and where, never its text: that may hold values
    PRIMARY KEY (tenant_id, rule)
);
CREATE TABLE stateward_alert_record (     -- which audit records an alert counts; the first thousand of them
    tenant_id uuid NOT NULL,
    alert_id uuid NOT NULL REFERENCES stateward_alert ON DELETE CASCADE,
    record_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, alert_id, record_id)
);
CREATE TABLE stateward_detection_volume ( -- what each principal read in a day, recorded or counted
    tenant_id uuid NOT NULL,
    actor_id uuid NOT NULL,
    day date NOT NULL,
    actor_type text NOT NULL,
    recorded bigint NOT NULL DEFAULT 0,   -- reads with a record each, added look by look
    counted bigint NOT NULL DEFAULT 0,    -- reads counted by the minute, added up anew
    PRIMARY KEY (tenant_id, actor_id, day)
);
CREATE TABLE stateward_detection_network (-- from where each credential has been used
    tenant_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    network cidr NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, credential_id, network)
);
"""
DROP = """
DROP TABLE stateward_detection_network, stateward_detection_volume, stateward_alert_record,
    stateward_detection_progress;
"""
PROTECTED = (
    "stateward_alert",
    "stateward_alert_event",
    "stateward_alert_record",
    "stateward_detection_setting",
    "stateward_suppression",
    "stateward_detection_progress",
    "stateward_detection_volume",
    "stateward_detection_network",
)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0004_same_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
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
                ("rule", models.CharField(max_length=40)),
                ("subject_type", models.CharField(max_length=16)),
                ("subject_id", models.CharField(max_length=128)),
                ("subject_name", models.CharField(max_length=254)),
                ("severity", models.CharField(max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("acknowledged", "Acknowledged"),
                            ("resolved", "Resolved"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("said", models.TextField()),
                ("count", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("asks", models.JSONField(default=dict)),
                (
                    "opened_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tenancy.member",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_alert",
            },
        ),
        migrations.CreateModel(
            name="AlertEvent",
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
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("event", models.CharField(max_length=16)),
                ("actor_type", models.CharField(max_length=16)),
                ("actor_id", models.UUIDField()),
                ("actor_name", models.CharField(max_length=254)),
                ("note", models.TextField(blank=True)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="history",
                        to="detection.alert",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_alert_event",
            },
        ),
        migrations.CreateModel(
            name="RuleSetting",
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
                ("rule", models.CharField(max_length=40)),
                ("enabled", models.BooleanField(default=True)),
                ("severity", models.CharField(blank=True, max_length=10)),
                ("thresholds", models.JSONField(default=dict)),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("changed_by", models.CharField(max_length=254)),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tenancy.member",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_detection_setting",
            },
        ),
        migrations.CreateModel(
            name="Suppression",
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
                ("rule", models.CharField(max_length=40)),
                ("subject_type", models.CharField(blank=True, max_length=16)),
                ("subject_id", models.CharField(blank=True, max_length=128)),
                ("reason", models.TextField()),
                ("ends_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=254)),
                ("suppressed", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "stateward_suppression",
                "indexes": [
                    models.Index(fields=["tenant_id", "ends_at"], name="suppressions_in_force")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["tenant_id", "state", "id"], name="alert_states"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "resolved"), _negated=True),
                fields=("tenant_id", "rule", "subject_type", "subject_id"),
                name="one_standing_alert",
            ),
        ),
        migrations.AddIndex(
            model_name="alertevent",
            index=models.Index(fields=["tenant_id", "alert", "id"], name="alert_events"),
        ),
        migrations.AddConstraint(
            model_name="rulesetting",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "rule"), name="one_setting_a_rule"
            ),
        ),
        migrations.RunSQL(TABLES, DROP),
        migrations.RunSQL("".join(map(protect, PROTECTED)), migrations.RunSQL.noop),
    ]
