"""Views of the audit that somebody keeps under a name."""

import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0004_same_tenant")]

    operations = [
        migrations.CreateModel(
            name="AuditView",
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
                ("owner_type", models.CharField(max_length=16)),
                ("owner_id", models.UUIDField()),
                ("owner_name", models.CharField(max_length=254)),
                ("name", models.CharField(max_length=80)),
                ("conditions", models.JSONField(default=dict)),
                ("is_shared", models.BooleanField(default=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "stateward_audit_view",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "owner_id", "name"), name="audit_view_name_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(protect("stateward_audit_view"), migrations.RunSQL.noop),
    ]
