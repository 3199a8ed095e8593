-- The feed: a tenant's changes in the order given after commit (gate/sequence).
--
-- A change's place is (pass, last, seq). ``pass``: the first feed pass that saw its transaction. ``last``: the largest
-- sequence value its transaction drew for this tenant, so that a transaction stands in one piece; whoever saw it committed
-- drew a larger one after. ``seq``: its own, drawn under its key's row lock.
--
-- The first row of an answer has no id. It says where the look ended (``pass``, ``salt``), and in ``operation``: 'end' (the
-- newest pass), 'more' (there are newer ones), 'gone' (the place asked for is not kept or not of this history: pass and salt
-- are the oldest that is). Whole transactions follow, those of p_limit changes and some more where the last one is longer.

CREATE TYPE stateward_feed_row AS (
    pass bigint, salt integer, last bigint, seq bigint,
    id uuid, at timestamptz, namespace_id uuid, namespace text, key text, version bigint, operation text,
    labels text, size_bytes integer, has_value boolean, is_kept boolean,
    actor_type text, actor_id uuid, actor_name text, run text,
    labels_now text,           -- of the entry, if it lives
    labels_before text         -- of the version before; NULL: none, or not kept
);

CREATE FUNCTION stateward_feed_read(
    p_tenant uuid, p_pass bigint, p_salt integer, p_last bigint, p_seq bigint, p_limit integer, p_scan integer,
    p_namespace uuid, p_from text, p_until text
) RETURNS SETOF stateward_feed_row LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    newest stateward_feed_pass;
    oldest stateward_feed_pass;
    base bigint;               -- the pass whose rows, and all before, are left out
    before pg_snapshot;
    until bigint;
    until_salt integer;
    now pg_snapshot;
    counted bigint;
    top xid8;
    guess bigint;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    SELECT * INTO newest FROM stateward_feed_pass ORDER BY number DESC LIMIT 1;
    SELECT * INTO oldest FROM stateward_feed_pass ORDER BY number LIMIT 1;
    IF p_pass IS NULL THEN
        p_pass := oldest.number;
        p_salt := oldest.salt;
    END IF;
    base := CASE WHEN p_last IS NULL THEN p_pass ELSE p_pass - 1 END;
    SELECT snapshot INTO before FROM stateward_feed_pass WHERE number = base;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM stateward_feed_pass WHERE number = p_pass AND salt = p_salt) THEN
        RETURN NEXT (oldest.number, oldest.salt, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'gone', NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL)::stateward_feed_row;
        RETURN;
    END IF;

    until := newest.number;
    now := newest.snapshot;
    WHILE until > base LOOP    -- fewer passes, as long as there are more rows in them than are looked at in one go
        SELECT count(*), max(f.xid) INTO counted, top FROM (
            SELECT c.xid FROM stateward_change c
            WHERE c.tenant_id = p_tenant AND c.xid >= pg_snapshot_xmax(before) AND c.xid < pg_snapshot_xmax(now)
              AND pg_visible_in_snapshot(c.xid, now)
            ORDER BY c.xid LIMIT p_scan + 1) f;
        EXIT WHEN counted <= p_scan OR until = base + 1;
        guess := CASE WHEN until = newest.number THEN stateward_feed_pass_of(top, base, until) - 1 ELSE (base + until) / 2 END;
        until := greatest(base + 1, least(until - 1, guess));
        SELECT snapshot INTO now FROM stateward_feed_pass WHERE number = until;
    END LOOP;
    SELECT salt INTO until_salt FROM stateward_feed_pass WHERE number = until;
    RETURN NEXT (until, until_salt, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        CASE WHEN until = newest.number THEN 'end' ELSE 'more' END, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL)::stateward_feed_row;
    IF until = base THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT c.* FROM stateward_change c
        WHERE c.tenant_id = p_tenant AND c.xid >= pg_snapshot_xmax(before) AND c.xid < pg_snapshot_xmax(now)
          AND pg_visible_in_snapshot(c.xid, now)
        UNION ALL
        SELECT c.* FROM stateward_change c
        WHERE c.tenant_id = p_tenant AND c.xid = ANY (ARRAY(SELECT pg_snapshot_xip(before)))
          AND pg_visible_in_snapshot(c.xid, now)
    ), transactions AS MATERIALIZED (
        SELECT f.xid, max(f.seq) AS last,
            CASE WHEN until = base + 1 THEN until ELSE stateward_feed_pass_of(f.xid, base, until) END AS pass
        FROM fresh f GROUP BY f.xid
    ), placed AS MATERIALIZED (
        SELECT * FROM (
            SELECT t.pass, t.last, f.seq, f.id, f.at, f.namespace_id, f.key, f.version, f.operation
            FROM fresh f JOIN transactions t ON t.xid = f.xid
            WHERE (p_last IS NULL OR (t.pass, t.last, f.seq) > (p_pass, p_last, p_seq))
              AND (p_namespace IS NULL OR f.namespace_id = p_namespace)
              AND f.key >= p_from COLLATE "C" AND (p_until IS NULL OR f.key < p_until COLLATE "C")
            ORDER BY t.pass, t.last FETCH FIRST p_limit ROWS WITH TIES) x
        ORDER BY x.pass, x.last, x.seq LIMIT p_limit + 2000
    )
    SELECT p.pass, n.salt, p.last, p.seq, p.id, p.at, p.namespace_id, s.name::text, p.key, p.version, p.operation,
        r.labels::text, r.size_bytes, r.value IS NOT NULL, r.id IS NOT NULL,
        r.actor_type, r.actor_id, r.actor_name, r.run,
        CASE WHEN e.is_alive THEN e.labels::text END,
        CASE WHEN p.version > 1 THEN (
            SELECT b.labels::text FROM stateward_revision b
            WHERE b.tenant_id = p_tenant AND b.namespace_id = p.namespace_id AND b.key = p.key AND b.version = p.version - 1
            LIMIT 1) END
    FROM placed p
    JOIN stateward_feed_pass n ON n.number = p.pass
    LEFT JOIN stateward_namespace s ON s.tenant_id = p_tenant AND s.id = p.namespace_id AND s.deleted_at IS NULL
    LEFT JOIN LATERAL (
        SELECT * FROM stateward_revision r WHERE r.tenant_id = p_tenant AND r.at = p.at AND r.id = p.id) r ON true
    LEFT JOIN LATERAL (
        SELECT e.is_alive, e.labels FROM stateward_entry e
        WHERE e.tenant_id = p_tenant AND e.namespace_id = p.namespace_id AND e.key = p.key COLLATE "C") e ON true
    ORDER BY p.pass, p.last, p.seq;
END $$;

CREATE FUNCTION stateward_feed_values(p_tenant uuid, p_items json)
RETURNS TABLE (i integer, id uuid, value bytea, before_id uuid, before_value bytea, before_operation text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- The sealed values of changes, (i, at, id), and of the version before where b is asked: its (ns, k, v).
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    RETURN QUERY
    SELECT x.i, r.id, r.value, b.id, b.value, b.operation
    FROM json_to_recordset(p_items) AS x (i integer, at timestamptz, id uuid, ns uuid, k text, v bigint)
    JOIN LATERAL (
        SELECT r.id, r.value FROM stateward_revision r
        WHERE r.tenant_id = p_tenant AND r.at = x.at AND r.id = x.id) r ON true
    LEFT JOIN LATERAL (
        SELECT b.id, b.value, b.operation FROM stateward_revision b
        WHERE b.tenant_id = p_tenant AND b.namespace_id = x.ns AND b.key = x.k COLLATE "C" AND b.version = x.v
        LIMIT 1) b ON true;
END $$;
