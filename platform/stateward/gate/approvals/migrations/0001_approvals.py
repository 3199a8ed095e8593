"""Requests, votes and the tenants' own numbers. Of a request the application changes its status
alone.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import APP, append_only, protect

FROZEN = f"""
    REVOKE UPDATE, DELETE, TRUNCATE ON stateward_approval_request FROM {APP};
    GRANT UPDATE (status, closed_at) ON stateward_approval_request TO {APP};
"""


def key():
    return models.UUIDField(
        default=stateward.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def tenant():
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant"
    )


def moment():
    return models.DateTimeField(db_default=django.db.models.functions.datetime.Now())


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0005_rate_limits")]

    operations = [
        migrations.CreateModel(
            name="ApprovalRequest",
            fields=[
                ("id", key()),
                ("kind", models.CharField(max_length=64)),
                ("subject_type", models.CharField(max_length=32)),
                ("subject_id", models.CharField(max_length=200)),
                ("subject_name", models.CharField(max_length=200)),
                ("content", models.JSONField()),
                ("sha256", models.CharField(max_length=64)),
                ("summary", models.CharField(max_length=500)),
                ("reason", models.TextField(blank=True)),
                ("needed", models.PositiveSmallIntegerField()),
                ("status", models.CharField(default="pending", max_length=16)),
                ("asked_by_type", models.CharField(max_length=16)),
                ("asked_by_id", models.UUIDField()),
                ("asked_by_name", models.CharField(max_length=200)),
                (
                    "authors",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                (
                    "electors",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                ("asked_at", moment()),
                ("expires_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("tenant", tenant()),
            ],
            options={
                "db_table": "stateward_approval_request",
                "indexes": [
                    models.Index(
                        fields=["tenant", "status", "-id"], name="approval_request_by_status"
                    ),
                    models.Index(
                        fields=["tenant", "kind", "subject_id", "-id"],
                        name="approval_request_of_subject",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ("pending", "approved"))),
                        fields=("tenant", "kind", "subject_id", "sha256"),
                        name="approval_request_open_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApprovalVote",
            fields=[
                ("id", key()),
                ("verdict", models.CharField(max_length=16)),
                ("sha256", models.CharField(max_length=64)),
                ("reason", models.TextField(blank=True)),
                ("member_id", models.UUIDField()),
                ("member_name", models.CharField(max_length=200)),
                ("at", moment()),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="votes",
                        to="approvals.approvalrequest",
                    ),
                ),
                ("tenant", tenant()),
            ],
            options={
                "db_table": "stateward_approval_vote",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "request", "member_id"),
                        name="approval_vote_once_per_person",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApprovalSetting",
            fields=[
                ("id", key()),
                ("kind", models.CharField(max_length=64)),
                ("number", models.PositiveSmallIntegerField()),
                ("changed_by_name", models.CharField(blank=True, max_length=200)),
                ("changed_at", moment()),
                ("tenant", tenant()),
            ],
            options={
                "db_table": "stateward_approval_setting",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "kind"), name="approval_setting_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__lte", 3)),
                        name="approval_setting_at_most_three",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            protect("stateward_approval_request")
            + protect("stateward_approval_vote")
            + protect("stateward_approval_setting")
            + append_only("stateward_approval_vote")
            + FROZEN,
            migrations.RunSQL.noop,
        ),
    ]
