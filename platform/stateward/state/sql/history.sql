-- The past of a whole namespace: cuts, and what differs between two of them.
--
-- A cut is a snapshot, and maybe a time: in it is each revision that is visible in the snapshot and no later than the time.
-- A transaction's revisions share both, so it is wholly in or wholly out. The snapshots are those of the passes that order
-- the feed, or one taken for the cut. Transaction ids mean something in one installation only, so revisions and checkpoints
-- say how often they came back from a backup (``restores``): among equals the snapshot decides, and who came back more often
-- is older.
--
-- A key's revisions rise in version and in time, and one that is in a cut has all before it in the cut: so the newest is
-- looked for from the present backwards, in strides that double, and then by halves. 100,000 later revisions cost 34 looks.

CREATE TYPE stateward_past AS (   -- a revision without its value, which may be large
    version bigint, at timestamptz, id uuid, operation text, labels jsonb, value_hash bytea, size_bytes integer,
    expires_at timestamptz, restores integer, xid xid8
);

CREATE FUNCTION stateward_revision_in(
    p_tenant uuid, p_namespace uuid, p_key text, p_restores integer, p_snapshot pg_snapshot, p_until timestamptz
) RETURNS stateward_past LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off AS $$
#variable_conflict use_column
-- The key's newest revision in the cut; NULL if it had none, and one of the operation 'gone' where it is no longer kept.
DECLARE
    newest record;
    looked stateward_past;
    best stateward_past;
    has_best boolean := false;
    low bigint := 0;           -- up to here all that exists is in the cut
    high bigint;               -- the oldest known that is not
    here bigint;
    stride bigint := 1;
BEGIN
    SELECT e.version, e.updated_at, e.write_id INTO newest FROM stateward_entry e
        WHERE e.tenant_id = p_tenant AND e.namespace_id = p_namespace AND e.key = p_key COLLATE "C";
    IF newest.version IS NULL OR newest.version = 0 THEN
        RETURN NULL;
    END IF;
    high := newest.version + 1;
    here := newest.version;
    SELECT r.version, r.at, r.id, r.operation, r.labels, r.value_hash, r.size_bytes, r.expires_at,
        r.restores, r.xid INTO looked
        FROM stateward_revision r WHERE r.tenant_id = p_tenant AND r.at = newest.updated_at AND r.id = newest.write_id
          AND r.namespace_id = p_namespace AND r.key = p_key COLLATE "C" AND r.version = newest.version;  -- by either index
    LOOP
        IF looked.version IS NULL THEN
            SELECT r.version, r.at, r.id, r.operation, r.labels, r.value_hash, r.size_bytes, r.expires_at,
        r.restores, r.xid INTO looked
                FROM stateward_revision r WHERE r.tenant_id = p_tenant AND r.namespace_id = p_namespace AND r.key = p_key COLLATE "C"
                  AND r.version > low AND r.version <= here AND r.at <= newest.updated_at
                ORDER BY r.version DESC LIMIT 1;
        END IF;
        IF looked.version IS NULL THEN
            low := here;
        ELSIF (p_until IS NULL OR looked.at <= p_until) AND (CASE
            WHEN looked.restores > p_restores OR looked.restores = p_restores AND looked.xid IS NULL THEN true
            WHEN looked.restores < p_restores THEN false
            ELSE pg_visible_in_snapshot(looked.xid, p_snapshot) END)
        THEN
            best := looked;
            has_best := true;
            low := here;
        ELSE
            high := looked.version;
        END IF;
        EXIT WHEN high - low <= 1;
        IF low = 0 THEN
            here := greatest(high - stride, 1);
            stride := stride * 2;
        ELSE
            here := (low + high) / 2;
        END IF;
        looked := NULL;
    END LOOP;
    IF NOT has_best AND high > 1 THEN
        best.operation := 'gone';
        best.version := high - 1;
    ELSIF NOT has_best THEN
        RETURN NULL;
    END IF;
    RETURN best;
END $$;

CREATE FUNCTION stateward_lives(p_revision stateward_past, p_when timestamptz) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
-- Whether there was an entry at that time, if this was its newest revision. What is gone is taken to have been one.
BEGIN
    RETURN p_revision.operation IS NOT NULL AND p_revision.operation NOT IN ('delete', 'expire', 'purge')
        AND (p_revision.expires_at IS NULL OR p_revision.expires_at > p_when);
END $$;

CREATE FUNCTION stateward_cut(
    p_tenant uuid, p_namespace uuid, p_after text, p_prefix text, p_end text, p_labels jsonb,
    p_restores integer, p_snapshot pg_snapshot, p_until timestamptz, p_when timestamptz, p_limit integer
) RETURNS TABLE (key text, version bigint, at timestamptz, id uuid, is_kept boolean, labels_now text)
LANGUAGE plpgsql STABLE ROWS 100 SET enable_seqscan = off SET enable_sort = off AS $$
#variable_conflict use_column
-- A page of the entries there were in a cut, in code point order; ``labels_now`` is NULL where there is none any more.
DECLARE
    e record;
    r stateward_past;
    many integer := 0;
    beyond text := coalesce(p_end, repeat(chr(1114111), 513));  -- behind the walls an index is searched by plain values only
BEGIN
    FOR e IN SELECT x.key, CASE WHEN x.is_alive THEN x.labels::text END AS labels FROM stateward_entry x
        WHERE x.tenant_id = p_tenant AND x.namespace_id = p_namespace AND x.version > 0
          AND x.key > p_after COLLATE "C" AND x.key >= p_prefix COLLATE "C"
          AND x.key < beyond COLLATE "C"
        ORDER BY x.key
    LOOP
        r := stateward_revision_in(p_tenant, p_namespace, e.key, p_restores, p_snapshot, p_until);
        CONTINUE WHEN NOT stateward_lives(r, p_when) OR (p_labels IS NOT NULL AND NOT coalesce(r.labels @> p_labels, false));
        key := e.key;
        version := r.version;
        at := r.at;
        id := r.id;
        is_kept := r.operation <> 'gone' AND r.value_hash IS NOT NULL;
        labels_now := e.labels;
        RETURN NEXT;
        many := many + 1;
        EXIT WHEN many = p_limit;
    END LOOP;
END $$;

CREATE FUNCTION stateward_cuts_differ(
    p_tenant uuid, p_walked uuid, p_after text, p_prefix text, p_end text,
    p_before uuid, p_restores integer, p_snapshot pg_snapshot, p_until timestamptz, p_when timestamptz,
    p_there uuid, p_there_restores integer, p_there_snapshot pg_snapshot, p_there_until timestamptz, p_there_when timestamptz,
    p_keys text[], p_limit integer
) RETURNS TABLE (
    key text, before_version bigint, before_at timestamptz, before_id uuid, before_lives boolean, before_is_kept boolean,
    after_version bigint, after_at timestamptz, after_id uuid, after_lives boolean, after_is_kept boolean, after_size integer,
    labels_now text
) LANGUAGE plpgsql STABLE ROWS 100 SET enable_seqscan = off SET enable_sort = off AS $$
#variable_conflict use_column
-- A page of the keys of ``p_walked`` whose entries differ between a cut of one namespace and a cut of another, or of the
-- same: in whether there is one, in value or in labels. With ``p_keys`` just those, whether they differ or not.
DECLARE
    walk refcursor;
    e record;
    b stateward_past;
    a stateward_past;
    many integer := 0;
    beyond text := coalesce(p_end, repeat(chr(1114111), 513));  -- behind the walls an index is searched by plain values only
BEGIN
    IF p_keys IS NULL THEN
        OPEN walk NO SCROLL FOR
            -- Most keys were not touched since: their newest revision is in both cuts, and nothing more is asked of them.
            SELECT x.key, CASE WHEN x.is_alive THEN x.labels::text END AS labels FROM stateward_entry x
            LEFT JOIN LATERAL (
                SELECT r.at, r.restores, r.xid FROM stateward_revision r
                WHERE r.tenant_id = p_tenant AND r.at = x.updated_at AND r.id = x.write_id AND r.expires_at IS NULL
                  AND r.namespace_id = x.namespace_id AND r.key = x.key AND r.version = x.version
                OFFSET 0) n ON p_before = p_walked AND p_there = p_walked
            WHERE x.tenant_id = p_tenant AND x.namespace_id = p_walked AND x.version > 0
              AND x.key > p_after COLLATE "C" AND x.key >= p_prefix COLLATE "C"
              AND x.key < beyond COLLATE "C"
              AND NOT coalesce((p_until IS NULL OR n.at <= p_until) AND (p_there_until IS NULL OR n.at <= p_there_until)
                AND CASE WHEN n.restores > p_restores OR n.restores = p_restores AND n.xid IS NULL THEN true
                    WHEN n.restores < p_restores THEN false ELSE pg_visible_in_snapshot(n.xid, p_snapshot) END
                AND CASE WHEN n.restores > p_there_restores OR n.restores = p_there_restores AND n.xid IS NULL THEN true
                    WHEN n.restores < p_there_restores THEN false
                    ELSE pg_visible_in_snapshot(n.xid, p_there_snapshot) END, false)
            ORDER BY x.key;
    ELSE
        OPEN walk NO SCROLL FOR
            SELECT k.key, CASE WHEN x.is_alive THEN x.labels::text END AS labels FROM unnest(p_keys) AS k (key)
            LEFT JOIN LATERAL (SELECT * FROM stateward_entry e
                WHERE e.tenant_id = p_tenant AND e.namespace_id = p_walked AND e.key = k.key COLLATE "C" OFFSET 0) x ON true;
    END IF;
    LOOP
        FETCH walk INTO e;
        EXIT WHEN NOT FOUND;
        b := stateward_revision_in(p_tenant, p_before, e.key, p_restores, p_snapshot, p_until);
        a := stateward_revision_in(p_tenant, p_there, e.key, p_there_restores, p_there_snapshot, p_there_until);
        before_lives := stateward_lives(b, p_when);
        after_lives := stateward_lives(a, p_there_when);
        before_is_kept := NOT before_lives OR (b.operation <> 'gone' AND b.value_hash IS NOT NULL);
        after_is_kept := NOT after_lives OR (a.operation <> 'gone' AND a.value_hash IS NOT NULL);
        CONTINUE WHEN p_keys IS NULL AND (
            NOT before_lives AND NOT after_lives
            OR b.id IS NOT DISTINCT FROM a.id AND b.id IS NOT NULL AND before_lives = after_lives
            OR before_lives AND after_lives AND b.value_hash = a.value_hash AND b.labels = a.labels);
        key := e.key;
        before_version := b.version;
        before_at := b.at;
        before_id := b.id;
        after_version := a.version;
        after_at := a.at;
        after_id := a.id;
        after_size := a.size_bytes;
        labels_now := e.labels;
        RETURN NEXT;
        many := many + 1;
        EXIT WHEN many = p_limit;
    END LOOP;
    CLOSE walk;
END $$;

CREATE FUNCTION stateward_cut_at(p_at timestamptz) RETURNS TABLE (snapshot text, until timestamptz) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
-- The cut that a time gives. A pass's time is read after its snapshot was taken, so the first pass at or after the time may
-- miss what was committed by then, and the one after it misses nothing; where that is still to come, the present serves.
DECLARE
    moment timestamptz := least(p_at, statement_timestamp());
BEGIN
    RETURN QUERY SELECT coalesce(
        (SELECT p.snapshot FROM stateward_feed_pass p
         WHERE p.number > (SELECT f.number FROM stateward_feed_pass f WHERE f.at >= moment ORDER BY f.at LIMIT 1)
         ORDER BY p.number LIMIT 1), pg_current_snapshot())::text, moment;
END $$;
