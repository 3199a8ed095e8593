"""What is known of keys between two counts, destructions that wait, and how history is sealed anew.

History is append-only for the application. A function that runs with the owner's right replaces sealed bytes of revisions,
and only by bytes under a version that seals in the revision's own namespace.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import APP, protect

USAGE = """
CREATE TABLE stateward_key_usage (
    tenant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    version integer NOT NULL,
    store text NOT NULL,                  -- what backups call the table's rows
    namespace_id uuid NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,                -- sealed
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key_id, version, store)
);
CREATE INDEX stateward_key_usage_namespace ON stateward_key_usage (tenant_id, namespace_id);
"""

REKEY = f"""
CREATE FUNCTION stateward_rekey_revisions(p_tenant uuid, p_items json, p_blob bytea) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
-- Puts the same values, sealed under the version that seals now, in the place of old ones (``p_items``: at and id of the
-- revision, the SHA-256 of what is there, and where in the blob what comes lies). Nothing but the sealed bytes changes, and
-- their length does not. Answers the ids of those that were replaced.
BEGIN
    IF current_setting('stateward.tenant', true) IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'not in this tenant''s scope' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('stateward.purge', p_tenant::text, true);
    RETURN QUERY
        UPDATE stateward_revision r SET value = substr(p_blob, x.o + 1, x.l)
        FROM json_to_recordset(p_items) AS x (at timestamptz, id uuid, h text, o integer, l integer)
        WHERE r.tenant_id = p_tenant AND r.at = x.at AND r.id = x.id AND encode(sha256(r.value), 'hex') = x.h
          AND x.l = octet_length(r.value)
          AND get_byte(substr(p_blob, x.o + 1, 1), 0) = get_byte(r.value, 0)
          AND EXISTS (
              SELECT FROM stateward_data_key k
              WHERE k.tenant_id = p_tenant AND k.namespace_id = r.namespace_id AND k.state = 'active'
                AND uuid_send(k.id) || int4send(k.version) = substr(p_blob, x.o + 3, 20))
        RETURNING r.id;
    PERFORM set_config('stateward.purge', '', true);
END $$;
REVOKE ALL ON FUNCTION stateward_rekey_revisions(uuid, json, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_rekey_revisions(uuid, json, bytea) TO {APP};
"""

UNDO = """
DROP FUNCTION stateward_rekey_revisions(uuid, json, bytea);
DROP TABLE stateward_key_usage;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("keys", "0002_life_cycle"),
        ("state", "0014_bounds"),
        ("tenancy", "0002_walls"),
    ]

    operations = [
        migrations.RunSQL(USAGE + protect("stateward_key_usage") + REKEY, UNDO),
        migrations.CreateModel(
            name="KeyDestruction",
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
                ("namespace_id", models.UUIDField()),
                ("namespace_name", models.CharField(max_length=640)),
                ("key_id", models.UUIDField()),
                ("version", models.PositiveIntegerField(null=True)),
                ("reason", models.TextField()),
                ("counts", models.JSONField(default=dict)),
                ("approvals", models.JSONField(default=list)),
                ("state", models.CharField(default="waiting", max_length=8)),
                ("said", models.CharField(blank=True, max_length=500)),
                ("asked_by_type", models.CharField(max_length=16)),
                ("asked_by_id", models.UUIDField()),
                ("asked_by_name", models.CharField(max_length=200)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("due_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by_name", models.CharField(blank=True, max_length=200)),
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
                "db_table": "stateward_key_destruction",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("tenant", "key_id", "version"),
                        name="key_destruction_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.RunSQL(protect("stateward_key_destruction"), migrations.RunSQL.noop),
    ]
