"""Policies with their versions and activations, and the snapshots that recorded decisions refer to."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import stateward.kernel.ids
from stateward.tenancy.rows import APP, append_only, protect

# The inserting transaction's id tells a process whether a snapshot it finds is its own and may yet be undone.
SNAPSHOTS = """
CREATE TABLE stateward_policy_snapshot (
    tenant_id uuid NOT NULL REFERENCES stateward_tenant (id) ON DELETE CASCADE,
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    kind text NOT NULL CHECK (kind IN ('principal', 'resource')),
    document jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (tenant_id, hash)
);
"""
# Nothing of these changes once written; a snapshot may be erased for the sake of a person in it.
WRITTEN_ONCE = (
    append_only("stateward_policy_version")
    + append_only("stateward_policy_activation")
    + f"REVOKE UPDATE, TRUNCATE ON stateward_policy_snapshot FROM {APP};"
)
WALLS = "".join(
    protect(table)
    for table in (
        "stateward_policy",
        "stateward_policy_version",
        "stateward_policy_activation",
        "stateward_policy_snapshot",
    )
)


def key() -> models.UUIDField:
    return models.UUIDField(
        default=stateward.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def tenant(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to="tenancy.tenant"
    )


def policy(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to="policy.policy"
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0002_walls")]

    operations = [
        migrations.CreateModel(
            name="Policy",
            fields=[
                ("id", key()),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True)),
                ("active_version", models.PositiveIntegerField(null=True)),
                ("latest_version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("updated_at", models.DateTimeField(db_default=Now())),
                ("tenant", tenant("policies")),
            ],
            options={
                "db_table": "stateward_policy",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["tenant", "name"], name="policy_name_once_per_tenant"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                ("id", key()),
                ("number", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("statements", models.PositiveIntegerField()),
                ("note", models.TextField(blank=True)),
                ("author_type", models.CharField(max_length=16)),
                ("author_id", models.UUIDField()),
                ("author_name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("policy", policy("versions")),
                ("tenant", tenant("+")),
            ],
            options={
                "db_table": "stateward_policy_version",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["tenant", "policy", "number"], name="policy_version_number_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyActivation",
            fields=[
                ("id", key()),
                ("from_version", models.PositiveIntegerField(null=True)),
                ("to_version", models.PositiveIntegerField(null=True)),
                ("actor_type", models.CharField(max_length=16)),
                ("actor_id", models.UUIDField()),
                ("actor_name", models.CharField(max_length=200)),
                ("at", models.DateTimeField(db_default=Now())),
                ("policy", policy("activations")),
                ("tenant", tenant("+")),
            ],
            options={"db_table": "stateward_policy_activation"},
        ),
        migrations.RunSQL(SNAPSHOTS, "DROP TABLE stateward_policy_snapshot"),
        migrations.RunSQL(WALLS + WRITTEN_ONCE, migrations.RunSQL.noop),
    ]
