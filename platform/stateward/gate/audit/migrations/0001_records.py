"""The audit record: append-only, partitioned by month, its exact bytes kept as they were hashed.

``record`` is canonical JSON (RFC 8785). The application sends it in two pieces; ``stateward_audit_record_bytes`` joins
them around the three members only the database knows. ``payload`` holds the personal values in plain, to which the
record is bound by salted commitments: it can be erased, and the record, and with it the tree, stays whole.
"""

from django.db import migrations

from stateward.tenancy.rows import append_only, protect, sequencer_reads

TABLE = """
CREATE TABLE stateward_audit_record (
    tenant_id uuid NOT NULL,              -- the nil UUID: the platform's own events
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL DEFAULT nextval('stateward_order'),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    action text NOT NULL,
    outcome text NOT NULL,
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    namespace_id uuid,
    classification text,
    decision_id uuid,
    request_id text NOT NULL,
    run text,
    record bytea NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (tenant_id, at, id)
) PARTITION BY RANGE (at);
-- By transaction, for the sequencer: a pass reads exactly the rows of the transactions it is about.
CREATE INDEX stateward_audit_record_xid ON stateward_audit_record (xid);
-- For the explorer's rare values. Every write pays for an index, and this one costs it next to nothing: it keeps one
-- Bloom filter for each 64 pages, made after they are full.
CREATE INDEX stateward_audit_record_seek ON stateward_audit_record USING brin (
    id uuid_bloom_ops (n_distinct_per_range = 600),
    request_id text_bloom_ops (n_distinct_per_range = 600),
    run text_bloom_ops (n_distinct_per_range = 100),
    actor_id uuid_bloom_ops (n_distinct_per_range = 100),
    namespace_id uuid_bloom_ops (n_distinct_per_range = 100)
) WITH (pages_per_range = 64, autosummarize = on);
SELECT stateward_add_partitions('stateward_audit_record', 13);
"""

BYTES = """
CREATE FUNCTION stateward_audit_record_bytes(
    head bytea, at timestamptz, before_hash bytea, middle bytea, version bigint
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT head || convert_to(
        to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","before_hash":'
        || coalesce('"' || encode(before_hash, 'hex') || '"', 'null'), 'UTF8')
        || middle || convert_to(coalesce(version::text, 'null') || '}', 'UTF8')
$$;
"""

APPEND = """
CREATE FUNCTION stateward_audit_append(
    p_tenant uuid, p_id uuid, p_action text, p_outcome text, p_actor_type text, p_actor_id uuid, p_actor_name text,
    p_resource_type text, p_resource_id text, p_namespace uuid, p_classification text, p_decision uuid,
    p_request text, p_run text, p_head bytea, p_middle bytea, p_payload jsonb, p_before_hash bytea, p_version bigint
) RETURNS timestamptz LANGUAGE plpgsql AS $$
-- Inserts one record in the caller's transaction, whichever tenant that is set to, and answers the record's time.
DECLARE
    before text := current_setting('stateward.tenant', true);
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_audit_record (
        tenant_id, at, id, action, outcome, actor_type, actor_id, actor_name, resource_type, resource_id,
        namespace_id, classification, decision_id, request_id, run, record, payload)
    VALUES (
        p_tenant, moment, p_id, p_action, p_outcome, p_actor_type, p_actor_id, p_actor_name, p_resource_type,
        p_resource_id, p_namespace, p_classification, p_decision, p_request, p_run,
        stateward_audit_record_bytes(p_head, moment, p_before_hash, p_middle, p_version), p_payload);
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN moment;
END $$;
"""

DROP = """
DROP FUNCTION stateward_audit_append(
    uuid, uuid, text, text, text, uuid, text, text, text, uuid, text, uuid, text, text, bytea, bytea, jsonb, bytea, bigint);
DROP FUNCTION stateward_audit_record_bytes(bytea, timestamptz, bytea, bytea, bigint);
DROP TABLE stateward_audit_record;
"""


class Migration(migrations.Migration):
    dependencies = [("sequence", "0001_passes"), ("tenancy", "0002_walls")]

    operations = [
        migrations.RunSQL(TABLE + BYTES + APPEND, DROP),
        migrations.RunSQL(
            protect("stateward_audit_record")
            + sequencer_reads("stateward_audit_record")
            + append_only("stateward_audit_record"),
            migrations.RunSQL.noop,
        ),
    ]
