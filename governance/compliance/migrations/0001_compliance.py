"""Scans, results, findings and exceptions. Results and a finding's history are never changed."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import append_only, protect

TABLES = ("scan", "result", "finding", "event", "exception")
WALLS = "".join(protect(f"stateward_compliance_{name}") for name in TABLES) + "".join(
    append_only(f"stateward_compliance_{name}") for name in ("result", "event")
)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0004_same_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Finding",
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
                ("check_id", models.CharField(max_length=16)),
                ("item_kind", models.CharField(max_length=32)),
                ("item_id", models.CharField(max_length=300)),
                ("item_label", models.CharField(max_length=300)),
                ("detail", models.TextField(blank=True)),
                ("severity", models.CharField(max_length=16)),
                ("status", models.CharField(default="open", max_length=16)),
                ("accepted_until", models.DateTimeField(null=True)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(null=True)),
                ("regressed_at", models.DateTimeField(null=True)),
                ("regressions", models.PositiveIntegerField(default=0)),
                ("owner_id", models.UUIDField(null=True)),
                ("owner_name", models.CharField(blank=True, max_length=200)),
                ("due_on", models.DateField(null=True)),
                ("first_scan_id", models.UUIDField()),
                ("last_scan_id", models.UUIDField()),
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
                "db_table": "stateward_compliance_finding",
            },
        ),
        migrations.CreateModel(
            name="AcceptedRisk",
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
                ("reason", models.TextField()),
                ("owner_id", models.UUIDField()),
                ("owner_name", models.CharField(max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by_type", models.CharField(max_length=16)),
                ("created_by_id", models.UUIDField()),
                ("created_by_name", models.CharField(max_length=200)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_as", models.CharField(blank=True, max_length=16)),
                ("ended_by_name", models.CharField(blank=True, max_length=200)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exceptions",
                        to="compliance.finding",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_compliance_exception",
            },
        ),
        migrations.CreateModel(
            name="FindingEvent",
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
                ("event", models.CharField(max_length=32)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor_type", models.CharField(max_length=16)),
                ("actor_id", models.UUIDField()),
                ("actor_name", models.CharField(max_length=200)),
                ("scan_id", models.UUIDField(null=True)),
                ("record_id", models.UUIDField(null=True)),
                ("details", models.JSONField(default=dict)),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="compliance.finding",
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
                "db_table": "stateward_compliance_event",
            },
        ),
        migrations.CreateModel(
            name="Scan",
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
                ("trigger", models.CharField(max_length=16)),
                ("check_id", models.CharField(blank=True, max_length=16)),
                ("asked_by_type", models.CharField(max_length=16)),
                ("asked_by_id", models.UUIDField()),
                ("asked_by_name", models.CharField(max_length=200)),
                ("run_id", models.UUIDField(null=True)),
                ("rules_sha256", models.CharField(max_length=64)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("record_id", models.UUIDField(null=True)),
                ("passed", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("not_applicable", models.PositiveIntegerField(default=0)),
                ("insufficient", models.PositiveIntegerField(default=0)),
                ("errors", models.PositiveIntegerField(default=0)),
                ("accepted", models.PositiveIntegerField(default=0)),
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
                "db_table": "stateward_compliance_scan",
            },
        ),
        migrations.CreateModel(
            name="CheckResult",
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
                ("check_id", models.CharField(max_length=16)),
                ("check_version", models.PositiveIntegerField()),
                ("severity", models.CharField(max_length=16)),
                ("outcome", models.CharField(max_length=32)),
                ("said", models.TextField()),
                ("population", models.BigIntegerField(null=True)),
                ("failing", models.BigIntegerField(default=0)),
                ("accepted", models.BigIntegerField(default=0)),
                ("items", models.JSONField(default=list)),
                ("evidence", models.JSONField(default=list)),
                ("position", models.JSONField(null=True)),
                ("duration_ms", models.PositiveIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
                (
                    "scan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="results",
                        to="compliance.scan",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_compliance_result",
            },
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(
                fields=["tenant", "status", "-id"], name="compliance_finding_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.UniqueConstraint(
                fields=("tenant", "check_id", "item_id"), name="compliance_finding_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="acceptedrisk",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("finding",),
                name="compliance_exception_standing_once",
            ),
        ),
        migrations.AddIndex(
            model_name="scan",
            index=models.Index(fields=["tenant", "check_id", "-id"], name="compliance_scan_newest"),
        ),
        migrations.AddIndex(
            model_name="checkresult",
            index=models.Index(
                fields=["tenant", "check_id", "-id"], name="compliance_result_newest"
            ),
        ),
        migrations.AddConstraint(
            model_name="checkresult",
            constraint=models.UniqueConstraint(
                fields=("scan", "check_id"), name="compliance_result_once"
            ),
        ),
        migrations.RunSQL(WALLS, migrations.RunSQL.noop),
    ]
