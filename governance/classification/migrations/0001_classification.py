"""Classification: rules, scans, findings, suggestions."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect

TABLES = ("rule", "scan", "finding", "standing", "suggestion", "following")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("state", "0016_walks"),
        ("tenancy", "0002_walls"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClassificationFollowing",
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
                ("cursor", models.CharField(max_length=200)),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "stateward_classification_following",
            },
        ),
        migrations.CreateModel(
            name="ClassificationStanding",
            fields=[
                (
                    "namespace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="state.namespace",
                    ),
                ),
                ("scan", models.UUIDField()),
                ("coverage", models.CharField(max_length=8)),
                ("entries", models.PositiveIntegerField(default=0)),
                ("looked", models.PositiveIntegerField(default=0)),
                ("unread", models.PositiveIntegerField(default=0)),
                (
                    "scanned_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
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
                "db_table": "stateward_classification_standing",
            },
        ),
        migrations.CreateModel(
            name="ClassificationFinding",
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
                ("key", models.CharField(db_collation="C", max_length=512)),
                ("version", models.BigIntegerField()),
                ("kind", models.CharField(max_length=16)),
                ("pointer", models.CharField(max_length=1024)),
                ("score", models.PositiveSmallIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("times", models.PositiveIntegerField(default=1)),
                (
                    "found_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
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
            options={
                "db_table": "stateward_classification_finding",
                "indexes": [
                    models.Index(
                        fields=["tenant", "namespace", "key"], name="classification_finding_key"
                    ),
                    models.Index(
                        fields=["tenant", "namespace", "kind", "id"],
                        name="classification_finding_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ClassificationRule",
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
                ("namespace", models.CharField(blank=True, max_length=640)),
                ("kinds", models.JSONField(default=list)),
                ("acts", models.CharField(default="suggest", max_length=8)),
                ("min_score", models.PositiveSmallIntegerField(default=60)),
                ("min_entries", models.PositiveIntegerField(default=1)),
                ("follows", models.BooleanField(default=False)),
                ("sample_percent", models.PositiveSmallIntegerField(default=100)),
                ("set_by_type", models.CharField(max_length=16)),
                ("set_by_id", models.UUIDField()),
                ("set_by_name", models.CharField(max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
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
                "db_table": "stateward_classification_rule",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "namespace"),
                        name="classification_rule_once_per_namespace",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ClassificationScan",
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
                ("namespace", models.CharField(blank=True, max_length=640)),
                ("coverage", models.CharField(default="full", max_length=8)),
                ("sample_percent", models.PositiveSmallIntegerField(default=100)),
                ("entries_per_second", models.PositiveIntegerField(default=1000)),
                ("state", models.CharField(default="queued", max_length=16)),
                ("job_run", models.UUIDField(null=True)),
                ("counts", models.JSONField(default=dict)),
                ("actor_type", models.CharField(max_length=16)),
                ("actor_id", models.UUIDField()),
                ("actor_name", models.CharField(max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
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
                "db_table": "stateward_classification_scan",
                "indexes": [
                    models.Index(
                        fields=["tenant", "-created_at"], name="classification_scan_newest"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ClassificationSuggestion",
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
                ("was", models.CharField(max_length=16)),
                ("to", models.CharField(max_length=16)),
                ("score", models.PositiveSmallIntegerField()),
                ("kinds", models.JSONField(default=list)),
                ("state", models.CharField(default="open", max_length=16)),
                ("decided_by_type", models.CharField(blank=True, max_length=16)),
                ("decided_by_id", models.UUIDField(null=True)),
                ("decided_by_name", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
                ("reason", models.TextField(blank=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
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
            options={
                "db_table": "stateward_classification_suggestion",
                "indexes": [
                    models.Index(
                        fields=["tenant", "state", "-id"], name="classification_suggestion_new"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("tenant", "namespace"),
                        name="classification_suggestion_one_open",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "".join(protect(f"stateward_classification_{table}") for table in TABLES),
            migrations.RunSQL.noop,
        ),
    ]
