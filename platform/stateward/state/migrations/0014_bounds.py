"""What bounds a namespace: windows over its history and its entries, compression; and months that are dropped whole.

History is append-only for the application. What a window no longer keeps, and what is sealed anew in less space, goes
through functions that run with the owner's right: they look at the settings and the rows themselves, so nobody empties a
newest revision through them, nor one that a checkpoint or a branch stands on.
"""

from django.db import migrations

from stateward.tenancy.rows import APP, protect

TABLES = """
CREATE TABLE stateward_bounds (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    keep_revisions integer CHECK (keep_revisions > 0),           -- with their values, of each key
    keep_history_bytes bigint CHECK (keep_history_bytes > 0),    -- of values, of each key
    keep_entries bigint CHECK (keep_entries > 0),                -- the newest; older ones are purged
    compress_over_bytes integer CHECK (compress_over_bytes > 0), -- new values at least so large
    compress_after_days integer CHECK (compress_after_days > 0), -- revisions so old
    dead_after_days integer CHECK (dead_after_days > 0),         -- for analytics
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, namespace_id)
);
CREATE TABLE stateward_tier (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    -- how far the windows' walk has come, and since when it walks
    trim_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    trim_began timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    trimmed_revisions bigint NOT NULL DEFAULT 0,
    trimmed_bytes bigint NOT NULL DEFAULT 0,
    purged_entries bigint NOT NULL DEFAULT 0,
    -- how far the compressor's has
    cold_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    cold_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    cold_revisions bigint NOT NULL DEFAULT 0,
    cold_bytes_before bigint NOT NULL DEFAULT 0,                 -- sealed
    cold_bytes_after bigint NOT NULL DEFAULT 0,
    looked_revisions bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, namespace_id)
);
"""

TRIM = f"""
CREATE FUNCTION stateward_trim_history(p_tenant uuid, p_items json) RETURNS TABLE (revisions bigint, bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
-- Empties, of each key named (ns, k), the revisions that its namespace's window no longer keeps: all but the newest n that
-- have a value, and all but the newest whose values together are within the budget. Never the newest revision, and none that
-- a checkpoint or a branch stands on. Rows stay: who wrote when is still told.
BEGIN
    IF current_setting('stateward.tenant', true) IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'not in this tenant''s scope' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('stateward.purge', p_tenant::text, true);
    WITH wanted AS MATERIALIZED (
        SELECT x.ns, x.k, b.keep_revisions, b.keep_history_bytes, e.version AS newest
        FROM json_to_recordset(p_items) AS x (ns uuid, k text)
        JOIN stateward_bounds b ON b.tenant_id = p_tenant AND b.namespace_id = x.ns
        JOIN stateward_entry e ON e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
        WHERE b.keep_revisions IS NOT NULL OR b.keep_history_bytes IS NOT NULL
    ), stands AS MATERIALIZED (
        SELECT w.ns, w.k, (stateward_revision_in(p_tenant, w.ns, w.k, c.restores, c.snapshot, NULL)).version AS version
        FROM wanted w JOIN (
            SELECT namespace_id, restores, snapshot FROM stateward_checkpoint WHERE tenant_id = p_tenant
            UNION ALL
            SELECT parent_id, restores, snapshot FROM stateward_namespace_branch WHERE tenant_id = p_tenant
        ) c ON c.namespace_id = w.ns
    ), ranked AS MATERIALIZED (
        SELECT w.ns, w.k, r.at, r.id, r.version, w.newest, w.keep_revisions, w.keep_history_bytes,
            row_number() OVER back AS place, sum(r.size_bytes) OVER back AS filled
        FROM wanted w JOIN stateward_revision r ON r.tenant_id = p_tenant AND r.namespace_id = w.ns
            AND r.key = w.k COLLATE "C" AND r.value IS NOT NULL
        WINDOW back AS (PARTITION BY w.ns, w.k ORDER BY r.version DESC)
    ), emptied AS (
        UPDATE stateward_revision r SET value = NULL, value_hash = NULL, note = NULL, labels = '{{}}'
        FROM ranked o
        WHERE r.tenant_id = p_tenant AND r.at = o.at AND r.id = o.id AND o.version < o.newest
          AND (o.place > o.keep_revisions OR o.filled > o.keep_history_bytes)
          AND NOT EXISTS (SELECT FROM stands s WHERE s.ns = o.ns AND s.k = o.k AND s.version = o.version)
        RETURNING r.size_bytes
    )
    SELECT count(*), coalesce(sum(size_bytes), 0) INTO revisions, bytes FROM emptied;
    PERFORM set_config('stateward.purge', '', true);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION stateward_trim_history(uuid, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_trim_history(uuid, json) TO {APP};
"""

RESEAL = f"""
CREATE FUNCTION stateward_reseal(p_tenant uuid, p_items json, p_blob bytea) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
-- Puts the same values, sealed anew in less space, in the place of old ones (``p_items``: at and id of the revision, the
-- SHA-256 of what is there, and where in the blob what comes lies). Only what is as old as its namespace's setting says,
-- only what is smaller, and nothing but the sealed bytes changes. Answers the ids of those that were replaced.
BEGIN
    IF current_setting('stateward.tenant', true) IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'not in this tenant''s scope' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('stateward.purge', p_tenant::text, true);
    RETURN QUERY
        UPDATE stateward_revision r SET value = substr(p_blob, x.o + 1, x.l)
        FROM json_to_recordset(p_items) AS x (at timestamptz, id uuid, h text, o integer, l integer), stateward_bounds b
        WHERE r.tenant_id = p_tenant AND r.at = x.at AND r.id = x.id AND encode(sha256(r.value), 'hex') = x.h
          AND x.l < octet_length(r.value) AND get_byte(substr(p_blob, x.o + 1, 1), 0) = 2
          AND b.tenant_id = p_tenant AND b.namespace_id = r.namespace_id
          AND r.at < clock_timestamp() - make_interval(days => b.compress_after_days)
        RETURNING r.id;
    PERFORM set_config('stateward.purge', '', true);
END $$;
REVOKE ALL ON FUNCTION stateward_reseal(uuid, json, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_reseal(uuid, json, bytea) TO {APP};
"""

MONTHS = f"""
CREATE FUNCTION stateward_why_kept(p_parent text, p_child text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Why a month of history must stay; NULL where it may go. A month of changes may once the feed has compacted it away. One of
-- revisions may once each is behind a purge or was emptied by a window, none is its key's newest, and no tenant that has a row
-- in it has a hold in force.
DECLARE
    mine uuid;
    found boolean;
    over boolean;
BEGIN
    IF p_parent NOT IN ('stateward_revision', 'stateward_change') THEN
        RETURN 'not a table whose months are dropped';
    END IF;
    SELECT (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''([^'']+)''\\)'))[1]::timestamptz
            < clock_timestamp() - interval '1 month' INTO over
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = p_parent::regclass AND c.relname = p_child AND c.relnamespace = 'public'::regnamespace;
    IF over IS NULL THEN
        RETURN 'not a month of that table';
    ELSIF NOT over THEN
        RETURN 'not long over';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', p_child) INTO found;
    IF NOT found THEN
        RETURN NULL;
    ELSIF p_parent = 'stateward_change' THEN
        RETURN 'the feed keeps changes of it';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE value IS NOT NULL)', p_child) INTO found;
    IF found THEN
        RETURN 'it holds values';
    END IF;
    FOR mine IN EXECUTE format('SELECT DISTINCT tenant_id FROM %I', p_child) LOOP
        PERFORM set_config('stateward.purge', mine::text, true);
        IF EXISTS (SELECT FROM stateward_hold WHERE tenant_id = mine AND released_at IS NULL) THEN
            RETURN 'a hold is in force';
        END IF;
        EXECUTE format($q$
            SELECT EXISTS (SELECT FROM %I r JOIN stateward_entry e ON e.tenant_id = $1 AND e.namespace_id = r.namespace_id
                AND e.key = r.key AND e.version = r.version WHERE r.tenant_id = $1)$q$, p_child) INTO found USING mine;
        IF found THEN
            RETURN 'a key''s newest revision is in it';
        END IF;
        EXECUTE format($q$
            SELECT EXISTS (SELECT FROM %I r WHERE r.tenant_id = $1
                AND r.operation IN ('delete', 'expire', 'purge')   -- these never had a value
                AND NOT EXISTS (SELECT FROM stateward_revision p WHERE p.tenant_id = $1 AND p.namespace_id = r.namespace_id
                    AND p.key = r.key AND p.version > r.version AND p.operation = 'purge')
                AND NOT EXISTS (SELECT FROM stateward_bounds b WHERE b.tenant_id = $1 AND b.namespace_id = r.namespace_id
                    AND (b.keep_revisions IS NOT NULL OR b.keep_history_bytes IS NOT NULL)))$q$, p_child)
            INTO found USING mine;
        IF found THEN
            RETURN 'something in it is not due';
        END IF;
    END LOOP;
    PERFORM set_config('stateward.purge', '', true);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION stateward_why_kept(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_why_kept(text, text) TO {APP};

CREATE FUNCTION stateward_drop_month(p_parent text, p_child text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
-- Drops a month of history, all tenants', if it may go; else answers why it stays. Nobody writes into it meanwhile.
DECLARE
    why text := stateward_why_kept(p_parent, p_child);
BEGIN
    IF why IS NULL THEN
        -- Holds are placed by raising the epoch, so none comes between looking and dropping.
        LOCK TABLE stateward_epoch IN SHARE MODE;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', p_child);
        why := stateward_why_kept(p_parent, p_child);
    END IF;
    IF why IS NULL THEN
        EXECUTE format('DROP TABLE %I', p_child);
    END IF;
    RETURN why;
END $$;
REVOKE ALL ON FUNCTION stateward_drop_month(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_drop_month(text, text) TO {APP};
"""

DROP = """
DROP FUNCTION stateward_drop_month(text, text), stateward_why_kept(text, text);
DROP FUNCTION stateward_reseal(uuid, json, bytea), stateward_trim_history(uuid, json);
DROP TABLE stateward_tier, stateward_bounds;
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0013_proposals")]

    operations = [
        migrations.RunSQL(
            TABLES
            + protect("stateward_bounds")
            + protect("stateward_tier")
            + TRIM
            + RESEAL
            + MONTHS,
            DROP,
        )
    ]
