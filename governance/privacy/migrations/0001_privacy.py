"""Where persons are named, the index of who is named where, and what persons asked for."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import append_only, protect

# The index: which entries name whom, by keyed hashes; no identifier in plain. ``declared`` is the
# fingerprint of the declarations it was found by.
TABLES = """
CREATE TABLE stateward_subject_entry (
    tenant_id uuid NOT NULL,
    id_hash bytea NOT NULL,
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    first_version bigint NOT NULL,
    last_version bigint NOT NULL,
    declared text NOT NULL,
    PRIMARY KEY (tenant_id, id_hash, namespace_id, key)
);
CREATE INDEX stateward_subject_entry_key ON stateward_subject_entry (tenant_id, namespace_id, key);
CREATE TABLE stateward_subject_position (
    tenant_id uuid NOT NULL PRIMARY KEY,
    snapshot pg_snapshot NOT NULL,        -- all that it sees is in the index
    at timestamptz NOT NULL
);
CREATE TABLE stateward_subject_walk (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    declared text NOT NULL,               -- the declarations by which it was walked
    is_done boolean NOT NULL DEFAULT false,
    key text COLLATE "C" NOT NULL DEFAULT '',
    version bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, namespace_id)
);
"""
DROP = """
DROP TABLE stateward_subject_entry, stateward_subject_position, stateward_subject_walk;
"""
PROTECTED = (
    "stateward_subject_declaration",
    "stateward_subject_request",
    "stateward_subject_identifier",
    "stateward_subject_event",
    "stateward_subject_item",
    "stateward_subject_rescan",
    "stateward_subject_entry",
    "stateward_subject_position",
    "stateward_subject_walk",
)

UUID_KEY = models.UUIDField(
    default=stateward.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
)


def now():
    return models.DateTimeField(db_default=django.db.models.functions.datetime.Now())


def tenant():
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant"
    )


def request(name):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name=name, to="privacy.subjectrequest"
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("retention", "0001_retention"), ("state", "0017_restrictions")]

    operations = [
        migrations.CreateModel(
            name="SubjectDeclaration",
            fields=[
                ("id", UUID_KEY),
                ("namespace", models.CharField(blank=True, max_length=640)),
                ("kind", models.CharField(max_length=40)),
                ("source", models.CharField(max_length=8)),
                ("path", models.CharField(max_length=512)),
                ("created_at", now()),
                ("created_by", models.CharField(max_length=254)),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_subject_declaration"},
        ),
        migrations.CreateModel(
            name="SubjectRequest",
            fields=[
                ("id", UUID_KEY),
                ("kind", models.CharField(max_length=16)),
                ("state", models.CharField(default="searching", max_length=16)),
                ("reference", models.CharField(max_length=100)),
                ("note", models.TextField(blank=True)),
                ("received_at", now()),
                ("due_at", models.DateTimeField()),
                ("extended_at", models.DateTimeField(null=True)),
                ("extension_reason", models.TextField(blank=True)),
                ("purpose", models.CharField(blank=True, max_length=100)),
                ("wait_until", models.DateTimeField(null=True)),
                ("waits_for", models.TextField(blank=True)),
                ("run_id", models.UUIDField(null=True)),
                ("found", models.BigIntegerField(default=0)),
                ("erased", models.BigIntegerField(default=0)),
                ("restricted", models.BigIntegerField(default=0)),
                ("answered_at", models.DateTimeField(null=True)),
                ("certificate", models.TextField(blank=True)),
                (
                    "assignee",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tenancy.member",
                    ),
                ),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_subject_request"},
        ),
        migrations.CreateModel(
            name="SubjectIdentifier",
            fields=[
                ("id", UUID_KEY),
                ("kind", models.CharField(max_length=40)),
                ("id_hash", models.BinaryField(max_length=32)),
                ("hint", models.CharField(max_length=40)),
                ("request", request("identifiers")),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_subject_identifier"},
        ),
        migrations.CreateModel(
            name="SubjectEvent",
            fields=[
                ("id", UUID_KEY),
                ("event", models.CharField(max_length=24)),
                ("note", models.TextField(blank=True)),
                ("actor_type", models.CharField(max_length=16)),
                ("actor_id", models.UUIDField()),
                ("actor_name", models.CharField(max_length=254)),
                ("at", now()),
                ("request", request("events")),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_subject_event"},
        ),
        migrations.CreateModel(
            name="SubjectItem",
            fields=[
                ("id", UUID_KEY),
                ("namespace_id", models.UUIDField()),
                ("key", models.CharField(blank=True, max_length=512)),
                ("id_hash", models.BinaryField(max_length=32)),
                ("state", models.CharField(default="listed", max_length=12)),
                ("keep_until", models.DateTimeField(null=True)),
                ("batch_id", models.UUIDField(null=True)),
                ("request", request("items")),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_subject_item"},
        ),
        migrations.CreateModel(
            name="SubjectRescan",
            fields=[
                ("id", UUID_KEY),
                ("run_id", models.UUIDField()),
                ("at", now()),
                ("requests", models.BigIntegerField(default=0)),
                ("looked_at", models.BigIntegerField(default=0)),
                ("remnants", models.BigIntegerField(default=0)),
                ("anew", models.BigIntegerField(default=0)),
                ("control_found", models.BooleanField(default=True)),
                ("details", models.JSONField(default=list)),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_subject_rescan"},
        ),
        migrations.AddConstraint(
            model_name="subjectdeclaration",
            constraint=models.UniqueConstraint(
                fields=("tenant", "namespace", "kind", "source", "path"),
                name="subject_declaration_once",
            ),
        ),
        migrations.AddIndex(
            model_name="subjectrequest",
            index=models.Index(fields=["tenant", "state", "id"], name="subject_request_states"),
        ),
        migrations.AddConstraint(
            model_name="subjectidentifier",
            constraint=models.UniqueConstraint(
                fields=("tenant", "request", "id_hash"), name="subject_identifier_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="subjectitem",
            constraint=models.UniqueConstraint(
                fields=("tenant", "request", "namespace_id", "id_hash"), name="subject_item_once"
            ),
        ),
        migrations.RunSQL(TABLES, DROP),
        migrations.RunSQL("".join(map(protect, PROTECTED)), migrations.RunSQL.noop),
        migrations.RunSQL(append_only("stateward_subject_event"), migrations.RunSQL.noop),
    ]
