-- Reads: living entries by key, and reads that are in the audit before they are answered.

CREATE FUNCTION stateward_read(p_tenant uuid, p_items json) RETURNS TABLE (
    i integer, version bigint, value bytea, write_id uuid, size_bytes integer, labels text,
    created_at timestamptz, updated_at timestamptz, expires_at timestamptz,
    actor_type text, actor_id uuid, actor_name text
) LANGUAGE plpgsql ROWS 16 SET enable_seqscan = off AS $$
#variable_conflict use_column
-- The living entries among those asked for; ``h`` is the version a caller already has, whose value is not sent again.
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT x.i, e.version, CASE WHEN x.h IS DISTINCT FROM e.version THEN e.value END, e.write_id, e.size_bytes,
            e.labels::text, e.created_at, e.updated_at, e.expires_at, e.actor_type, e.actor_id, e.actor_name
        FROM json_to_recordset(p_items) AS x (i integer, ns uuid, k text, h bigint)
        JOIN LATERAL (SELECT * FROM stateward_entry e
            WHERE e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C" OFFSET 0) e ON true
        WHERE e.is_alive AND (e.expires_at IS NULL OR e.expires_at > clock_timestamp());
END $$;

CREATE FUNCTION stateward_record_reads(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_items json, p_blob bytea
) RETURNS TABLE (i integer, holds boolean) LANGUAGE plpgsql ROWS 16 AS $$
#variable_conflict use_column
-- Reads that are in the audit before they are answered; nothing is recorded, or answered, if a rule changed meanwhile.
DECLARE
    items stateward_write_item[];
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    SELECT array_agg(x) INTO items FROM json_populate_recordset(NULL::stateward_write_item, p_items) x;
    PERFORM 1 FROM stateward_epoch mine, stateward_epoch platform
        WHERE mine.tenant_id = p_tenant AND mine.epoch = p_epoch
          AND platform.tenant_id = :platform AND platform.epoch = p_platform;
    IF NOT FOUND THEN
        RETURN QUERY SELECT x.i, false FROM unnest(items) x;
        RETURN;
    END IF;
    INSERT INTO stateward_audit_record (tenant_id, at, id, seq, action, outcome, actor_type, actor_id, actor_name,
        resource_type, resource_id, namespace_id, classification, decision_id, request_id, run, record, payload)
    SELECT p_tenant, moment, x.rid, nextval('stateward_order'), x.act, 'allow', x.aty, x.aid, x.an, 'entry', x.ns::text,
        x.ns, x.cls, x.did, x.rq, x.run,
        stateward_audit_record_bytes(substr(p_blob, x.ho + 1, x.hl), moment, NULL, substr(p_blob, x.mo + 1, x.ml), NULL),
        x.pl
    FROM unnest(items) x;
    RETURN QUERY SELECT x.i, true FROM unnest(items) x;
END $$;

