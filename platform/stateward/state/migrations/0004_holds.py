"""Holds, and what a purge leaves behind: tombstones, and one proof for each batch.

History is append-only for the application. What a retention rule has come to empty, it empties through a function that runs
with the owner's right, sees one tenant's rows, and touches only keys whose newest revision is the purge itself.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import APP, append_only, protect

TABLES = """
-- When all that lay behind the row was emptied. A later write leaves it; it then differs from updated_at.
ALTER TABLE stateward_entry ADD COLUMN purged_at timestamptz;

CREATE TABLE stateward_purge_batch (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    run_id uuid,                          -- the job's
    rule_id uuid NOT NULL,
    rule_version integer NOT NULL,
    rule_name text NOT NULL,
    listed integer NOT NULL,              -- frozen before the transaction
    held integer NOT NULL,                -- of those, kept by a hold that was there by then
    left_out integer NOT NULL,            -- of those, written, leased or ruled otherwise meanwhile
    entries integer NOT NULL,             -- purged
    bytes bigint NOT NULL,
    revisions bigint NOT NULL,
    audit_payloads bigint NOT NULL,
    holds_in_force integer NOT NULL,
    holds_checked_at timestamptz NOT NULL,
    ids_sha256 bytea NOT NULL,            -- of the batch's sorted tombstones; the audit record holds it too
    record_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE stateward_tombstone (
    tenant_id uuid NOT NULL,
    id_hash bytea NOT NULL,               -- keyed hash of namespace and key
    version bigint NOT NULL,              -- of the purge
    batch_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, id_hash, version)
);
CREATE INDEX stateward_tombstone_batch ON stateward_tombstone (tenant_id, batch_id);
"""

PURGE = f"""
CREATE FUNCTION stateward_purge_history(p_tenant uuid, p_items json, p_audit_before timestamptz)
RETURNS TABLE (revisions bigint, bytes bigint, audit_payloads bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
-- Empties what lies behind keys whose newest revision is a purge (``p_items``: ns, k and the purge's version v), in the
-- caller's transaction; with ``p_audit_before`` also what audit records older than that say of them in plain.
DECLARE
    keys text[];
    spaces uuid[];
BEGIN
    IF current_setting('stateward.tenant', true) IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'not in this tenant''s scope' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('stateward.purge', p_tenant::text, true);
    WITH wanted AS (
        SELECT x.ns, x.k, x.v FROM json_to_recordset(p_items) AS x (ns uuid, k text, v bigint)
    ), marked AS (
        UPDATE stateward_entry e SET purged_at = e.updated_at FROM wanted w
        WHERE e.tenant_id = p_tenant AND e.namespace_id = w.ns AND e.key = w.k COLLATE "C" AND e.version = w.v
          AND NOT e.is_alive AND EXISTS (
            SELECT FROM stateward_revision r WHERE r.tenant_id = p_tenant AND r.namespace_id = w.ns
              AND r.key = w.k COLLATE "C" AND r.version = w.v AND r.operation = 'purge')
        RETURNING e.namespace_id, e.key, e.version
    ), emptied AS (
        UPDATE stateward_revision r SET value = NULL, value_hash = NULL, note = NULL, labels = '{{}}'
        FROM marked m
        WHERE r.tenant_id = p_tenant AND r.namespace_id = m.namespace_id AND r.key = m.key AND r.version < m.version
          AND (r.value IS NOT NULL OR r.value_hash IS NOT NULL OR r.note IS NOT NULL OR r.labels <> '{{}}')
        RETURNING r.size_bytes
    )
    SELECT (SELECT count(*) FROM emptied), (SELECT coalesce(sum(size_bytes), 0) FROM emptied),
        (SELECT array_agg(key) FROM marked), (SELECT array_agg(DISTINCT namespace_id) FROM marked)
    INTO revisions, bytes, keys, spaces;
    audit_payloads := 0;
    IF p_audit_before IS NOT NULL THEN
        UPDATE stateward_audit_record a SET payload = '{{"salts": {{}}}}'
        FROM (SELECT DISTINCT x.ns, x.k FROM json_to_recordset(p_items) AS x (ns uuid, k text)) w
        WHERE a.tenant_id = p_tenant AND a.namespace_id = ANY (spaces) AND a.entry_key = ANY (keys)
          AND a.namespace_id = w.ns AND a.entry_key = w.k COLLATE "C" AND a.at < p_audit_before;
        GET DIAGNOSTICS audit_payloads = ROW_COUNT;
    END IF;
    PERFORM set_config('stateward.purge', '', true);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION stateward_purge_history(uuid, json, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_purge_history(uuid, json, timestamptz) TO {APP};
"""

DROP = """
DROP FUNCTION stateward_purge_history(uuid, json, timestamptz);
DROP TABLE stateward_tombstone, stateward_purge_batch;
ALTER TABLE stateward_entry DROP COLUMN purged_at;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("state", "0003_write"),
        ("audit", "0007_small_batches"),
        ("tenancy", "0004_same_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hold",
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
                ("matter", models.CharField(max_length=100)),
                ("reason", models.TextField()),
                ("namespace", models.CharField(blank=True, max_length=640)),
                ("key_pattern", models.CharField(blank=True, max_length=512)),
                ("custodian_type", models.CharField(blank=True, max_length=16)),
                ("custodian_id", models.UUIDField(null=True)),
                ("custodian_name", models.CharField(blank=True, max_length=200)),
                ("placed_by_type", models.CharField(max_length=16)),
                ("placed_by_id", models.UUIDField()),
                ("placed_by_name", models.CharField(max_length=200)),
                (
                    "placed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("released_by_type", models.CharField(blank=True, max_length=16)),
                ("released_by_id", models.UUIDField(null=True)),
                ("released_by_name", models.CharField(blank=True, max_length=200)),
                ("released_at", models.DateTimeField(null=True)),
                ("release_reason", models.TextField(blank=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={"db_table": "stateward_hold"},
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("released_at__isnull", True)),
                fields=["tenant"],
                name="hold_in_force",
            ),
        ),
        migrations.RunSQL(TABLES + PURGE, DROP),
        migrations.RunSQL(
            protect("stateward_hold")
            + protect("stateward_purge_batch")
            + protect("stateward_tombstone")
            + append_only("stateward_purge_batch")
            + append_only("stateward_tombstone"),
            migrations.RunSQL.noop,
        ),
    ]
