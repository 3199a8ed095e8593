-- The one statement of every write.
--
-- A PL/pgSQL function, because each statement inside it takes a fresh snapshot, which one CTE does not: a CTE misses a
-- concurrent duplicate's stored answer and a change committed while it waited for a row. Its order is fixed:
--
-- 1. the rows of existing keys are locked, in (namespace_id, key COLLATE "C") order, so that two calls cannot deadlock;
-- 2. the epochs are compared, after the locks: a rule that took effect while the call waited for one is seen too;
-- 3. idempotency keys are taken, in key order; those already taken are read by the NEXT statement;
-- 4. the time is read once, after all locks, so that a key's revisions rise in time;
-- 5. preconditions, lease and labels are compared on the LOCKED row; new key rows are inserted in the same order; then
--    revision, audit record and change.
--
-- A connection plans these statements once, maybe while a table is empty: rows are found by their whole key, one by one,
-- changed by their place, and ways that could look cheap on an empty table are switched off.
--
-- p_mode: 'group' (the writes of several callers: none waits for another's row, each has its own verdict), 'alone' (one
-- caller's, which waits for its rows), 'all' (a transaction: waits, and changes nothing unless every member is 'done').
--
-- op 'check' (in a transaction) changes nothing and is judged on the locked row like a write. What it says of a key without
-- a row must hold too: if it carries a write id it inserts an empty row, in key order with the new ones, and removes it at
-- the end, so that whoever creates the key meanwhile waits, and is waited for.

CREATE TYPE stateward_write_item AS (
    i integer,                 -- which member of the group
    ns uuid, k text, op text,
    vo integer, vl integer,    -- where in the blob the sealed value lies; NULL: the operation leaves none
    wid uuid, vh text, sz integer,
    lb jsonb,                  -- new labels; NULL keeps what is there
    dl jsonb,                  -- labels under which a living entry may be changed; NULL: not decided
    da boolean,                -- whether it may be where there is none
    note text, run text,
    tm text, ts double precision,  -- expiry: 'keep', 'clear', or 'set' to ts seconds from now
    td double precision,       -- seconds a new entry lives in this namespace; NULL: for ever
    ifv bigint, inm boolean,   -- If-Match: "ifv"; If-None-Match: *
    own boolean,               -- whether ifv or inm is what was computed from, and not demanded by the caller
    ft bigint,                 -- fencing token
    sv integer,                -- the version of the namespace's schema that the value was judged by
    ik text, ih text,          -- idempotency key and request hash (hex)
    aty text, aid uuid, an text,
    en timestamptz,            -- the earliest end of what allowed it
    rid uuid, ho integer, hl integer, mo integer, ml integer,  -- audit record: id, head and middle in the blob
    pl jsonb, act text, cls text, did uuid, rq text
);
CREATE TYPE stateward_write_result AS (
    i integer,
    verdict text,              -- done busy ended labels leased fenced precondition moved absent, replay reused stale
    version bigint, at timestamptz, created_at timestamptz, expires_at timestamptz,
    labels text, was_alive boolean,  -- labels: JSON
    status integer, write_id uuid,
    lease text,                -- of a 'leased' or 'fenced' member: who has it, until when, the largest token; JSON
    xact bigint                -- the transaction, once it has changed something
);

CREATE FUNCTION stateward_write(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_mode text, p_items json, p_blob bytea
) RETURNS SETOF stateward_write_result LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
    items stateward_write_item[];
    held integer[];
    taken integer[];           -- members whose idempotency key was taken before
    results stateward_write_result[];
    has_keys boolean;
    has_guards boolean;        -- whether a check keeps its key from being created
    moment timestamptz;
    xact bigint;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    IF p_mode = 'group' THEN
        -- A group never waits for a member: whoever is in the way is met again alone, each for itself.
        PERFORM set_config('lock_timeout', '40ms', true);
    END IF;
    SELECT array_agg(x), bool_or(x.ik IS NOT NULL), bool_or(x.op = 'check' AND x.wid IS NOT NULL)
        INTO items, has_keys, has_guards
        FROM json_populate_recordset(NULL::stateward_write_item, p_items) x;

    IF p_mode <> 'group' THEN
        SELECT array_agg(s.i) INTO held FROM (
            SELECT x.i FROM (SELECT i, ns, k FROM unnest(items) ORDER BY ns, k COLLATE "C") x, LATERAL (
                SELECT FROM stateward_entry e
                WHERE e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C" FOR UPDATE) e) s;
    ELSE
        SELECT array_agg(s.i) INTO held FROM (
            SELECT x.i FROM (SELECT i, ns, k FROM unnest(items) ORDER BY ns, k COLLATE "C") x, LATERAL (
                SELECT FROM stateward_entry e
                WHERE e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C" FOR UPDATE SKIP LOCKED) e) s;
    END IF;

    PERFORM 1 FROM stateward_epoch mine, stateward_epoch platform
        WHERE mine.tenant_id = p_tenant AND mine.epoch = p_epoch
          AND platform.tenant_id = :platform AND platform.epoch = p_platform;
    IF NOT FOUND THEN
        RETURN NEXT (NULL, 'stale', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::stateward_write_result;
        RETURN;
    END IF;

    IF has_keys THEN
        WITH fresh AS (
            INSERT INTO stateward_idempotency (tenant_id, actor_id, key, request_hash, status, at)
            SELECT p_tenant, x.aid, x.ik, decode(x.ih, 'hex'), 0, clock_timestamp()
            FROM unnest(items) x WHERE x.ik IS NOT NULL ORDER BY x.aid, x.ik COLLATE "C"
            ON CONFLICT DO NOTHING RETURNING actor_id, key)
        SELECT array_agg(x.i) INTO taken FROM unnest(items) x
            WHERE x.ik IS NOT NULL AND NOT EXISTS (SELECT FROM fresh f WHERE f.actor_id = x.aid AND f.key = x.ik);
    END IF;

    moment := clock_timestamp();
    IF p_mode = 'all' THEN     -- one transaction has one time, later than that of every revision it follows
        SELECT greatest(moment, max(e.updated_at) + interval '1 microsecond') INTO moment
            FROM unnest(items) x, LATERAL (
                SELECT e.updated_at FROM stateward_entry e
                WHERE e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C" OFFSET 0) e;
    END IF;
    xact := pg_current_xact_id()::text::bigint;

    WITH beside AS (           -- each member beside the row it is about, as it stands under our lock
        SELECT x.*, e.version AS ev, e.key IS NOT NULL AS present, e.updated_at AS eu, e.value_hash AS eh,
            e.labels AS el, e.created_at AS ec, e.expires_at AS ee, e.place, coalesce(e.is_alive, false) AS raw,
            coalesce(e.is_alive AND (e.expires_at IS NULL OR e.expires_at > moment), false) AS alive,
            coalesce(e.lease_until > moment, false) AS leased, e.lease_token, e.lease_until, e.lease_actor_type,
            e.lease_actor_id, e.lease_actor_name
        FROM unnest(items) x LEFT JOIN LATERAL (
            SELECT e.ctid AS place, e.key, e.version, e.updated_at, e.value_hash, e.labels, e.created_at, e.expires_at, e.is_alive,
                e.lease_token, e.lease_until, e.lease_actor_type, e.lease_actor_id, e.lease_actor_name
            FROM stateward_entry e
            WHERE e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C" OFFSET 0) e ON true
    ), judged AS MATERIALIZED (
        SELECT b.*, CASE
            WHEN b.i = ANY (taken) THEN 'replay'
            WHEN b.present AND (held IS NULL OR b.i <> ALL (held)) THEN 'busy'
            WHEN b.en <= moment THEN 'ended'
            WHEN b.op = 'expire' THEN CASE WHEN b.raw AND NOT b.alive AND NOT b.leased THEN 'done' ELSE 'absent' END
            WHEN CASE WHEN b.alive THEN b.dl IS DISTINCT FROM b.el ELSE NOT b.da END THEN 'labels'
            WHEN b.ft <> coalesce(b.lease_token, 0) THEN 'fenced'
            WHEN b.leased AND b.ft IS NULL AND b.op <> 'check' THEN 'leased'
            WHEN b.inm AND b.alive THEN CASE WHEN b.own THEN 'moved' ELSE 'precondition' END
            WHEN b.ifv IS NOT NULL AND (NOT b.alive OR b.ev <> b.ifv) THEN
                CASE WHEN b.own THEN 'moved' ELSE 'precondition' END
            WHEN b.op = 'delete' AND NOT b.alive THEN 'absent'
            ELSE 'done' END AS verdict,
            coalesce(b.ev, 0) + 1 AS nv,
            greatest(moment, b.eu + interval '1 microsecond') AS nat,
            b.vl IS NOT NULL AS lives
        FROM beside b
    ), shaped AS MATERIALIZED (
        SELECT j.*,
            CASE WHEN j.alive AND j.lives THEN j.ec ELSE j.nat END AS nc,
            CASE WHEN NOT j.lives THEN '{}'::jsonb WHEN j.lb IS NOT NULL THEN j.lb
                 WHEN j.alive THEN j.el ELSE '{}'::jsonb END AS nl,
            CASE WHEN NOT j.lives OR j.tm = 'clear' THEN NULL
                 WHEN j.tm = 'set' THEN j.nat + make_interval(secs => j.ts)
                 WHEN j.alive THEN j.ee
                 ELSE j.nat + make_interval(secs => j.td) END AS ne,
            CASE WHEN j.lives THEN substr(p_blob, j.vo + 1, j.vl) END AS nval,
            decode(j.vh, 'hex') AS nh
        FROM judged j WHERE j.verdict = 'done'
            AND (j.op <> 'check' OR (NOT j.present AND j.wid IS NOT NULL))
            AND (p_mode <> 'all' OR NOT EXISTS (SELECT FROM judged other WHERE other.verdict <> 'done'))
    ), created AS (
        INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, value, write_id, value_hash,
            size_bytes, labels, created_at, updated_at, expires_at, actor_type, actor_id, actor_name)
        SELECT p_tenant, s.ns, s.k, CASE WHEN s.lives THEN 1 ELSE 0 END, s.lives, s.nval, s.wid, s.nh, s.sz, s.nl, s.nc,
            s.nat, s.ne, s.aty, s.aid, s.an
        FROM shaped s WHERE NOT s.present ORDER BY s.ns, s.k COLLATE "C"
        ON CONFLICT DO NOTHING RETURNING write_id
    ), changed AS (
        UPDATE stateward_entry e SET version = s.nv, is_alive = s.lives, value = s.nval, write_id = s.wid,
            value_hash = s.nh, size_bytes = s.sz, labels = s.nl, created_at = s.nc, updated_at = s.nat,
            expires_at = s.ne, actor_type = s.aty, actor_id = s.aid, actor_name = s.an
        FROM shaped s
        WHERE s.present AND e.tenant_id = p_tenant AND e.ctid = s.place
        RETURNING e.write_id
    ), written AS MATERIALIZED (   -- the order is drawn here, under the row's lock
        SELECT s.*, nextval('stateward_order') AS seq FROM shaped s
        WHERE (s.wid IN (SELECT write_id FROM created UNION ALL SELECT write_id FROM changed)) IS TRUE  -- not as a join
            AND s.op <> 'check'
    ), revised AS (
        INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation, value, value_hash,
            size_bytes, labels, created_at, expires_at, note, actor_type, actor_id, actor_name, run, schema_version)
        SELECT p_tenant, nat, wid, ns, k, nv, op, nval, nh, sz, nl, nc, ne, note, aty, aid, an, run, sv FROM written
    ), recorded AS (
        INSERT INTO stateward_audit_record (tenant_id, at, id, seq, action, outcome, actor_type, actor_id, actor_name,
            resource_type, resource_id, namespace_id, classification, decision_id, request_id, run, record, payload)
        SELECT p_tenant, nat, rid, seq, act, 'allow', aty, aid, an, 'entry', ns::text, ns, cls, did, rq, run,
            stateward_audit_record_bytes(substr(p_blob, ho + 1, hl), nat, CASE WHEN raw THEN eh END,
                substr(p_blob, mo + 1, ml), nv), pl
        FROM written
    ), announced AS (
        INSERT INTO stateward_change (tenant_id, at, id, seq, namespace_id, key, version, operation)
        SELECT p_tenant, nat, wid, seq, ns, k, nv, op FROM written
    ), told AS (
        SELECT i, verdict, nv AS version, nat, nc, ne, nl AS labels, alive, wid, NULL::json AS lease, xact FROM written
        UNION ALL
        SELECT i, CASE WHEN verdict <> 'done' THEN verdict
                WHEN op = 'check' AND (present OR wid IS NULL OR wid IN (SELECT write_id FROM created)) THEN 'done'
                ELSE 'busy' END, CASE WHEN alive THEN ev END, NULL, NULL, NULL,
            CASE WHEN alive THEN el END, alive, wid,
            CASE WHEN verdict IN ('leased', 'fenced') THEN json_build_object('token', lease_token, 'until', lease_until,
                'seconds', extract(epoch FROM lease_until - moment), 'type', lease_actor_type, 'id', lease_actor_id,
                'name', lease_actor_name) END, NULL
        FROM judged
        WHERE verdict <> 'done' OR op = 'check'
            OR wid NOT IN (SELECT write_id FROM created UNION ALL SELECT write_id FROM changed)
    )
    SELECT array_agg((i, verdict, version, nat, nc, ne, labels::text, alive, NULL, wid, lease::text, xact)
        ::stateward_write_result) INTO results FROM told;

    IF p_mode = 'all' AND EXISTS (SELECT FROM unnest(results) r WHERE r.verdict = 'busy')
        AND NOT EXISTS (SELECT FROM unnest(results) r WHERE r.verdict NOT IN ('busy', 'done')) THEN
        -- A key appeared that another session has just made: what the others of us wrote is undone, and all is tried again.
        RAISE EXCEPTION 'a key was created meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    IF has_guards THEN
        DELETE FROM stateward_entry e USING unnest(items) x
            WHERE x.op = 'check' AND e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
              AND e.write_id = x.wid;
    END IF;

    IF has_keys AND p_mode = 'all' THEN
        RETURN QUERY SELECT * FROM stateward_keep_transaction(p_tenant, items, results);
    ELSIF has_keys THEN
        RETURN QUERY SELECT * FROM stateward_keep_outcomes(p_tenant, items, results);
    ELSE
        RETURN QUERY SELECT * FROM unnest(results);
    END IF;
END $$;

CREATE FUNCTION stateward_keep_outcomes(
    p_tenant uuid, items stateward_write_item[], results stateward_write_result[]
) RETURNS SETOF stateward_write_result LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- Stores what the transaction decided under each idempotency key, and answers what was stored under those taken before.
BEGIN
    UPDATE stateward_idempotency d SET namespace_id = x.ns, entry_key = x.k, version = r.version,
        status = CASE WHEN r.verdict IN ('precondition', 'fenced') THEN 412 WHEN r.verdict = 'leased' THEN 423
                      WHEN x.op = 'delete' THEN 204 WHEN r.was_alive OR x.op IN ('rollback', 'action') THEN 200 ELSE 201 END,
        answer = r.lease::jsonb || jsonb_build_object('verdict', r.verdict)
        FROM unnest(items) x JOIN unnest(results) r ON r.i = x.i
        WHERE x.ik IS NOT NULL AND r.verdict IN ('done', 'precondition', 'leased', 'fenced')
          AND d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    DELETE FROM stateward_idempotency d
        USING unnest(items) x JOIN unnest(results) r ON r.i = x.i
        WHERE x.ik IS NOT NULL AND r.verdict NOT IN ('done', 'precondition', 'leased', 'fenced', 'replay')
          AND d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    RETURN QUERY
        SELECT r.i,
            CASE WHEN r.verdict <> 'replay' THEN r.verdict
                 WHEN d.key IS NULL THEN 'busy'      -- cleared a moment ago: once more, as if it were new
                 WHEN d.request_hash <> decode(x.ih, 'hex') THEN 'reused'
                 ELSE 'replay' END,
            CASE WHEN r.verdict = 'replay' THEN d.version ELSE r.version END,
            r.at, r.created_at, r.expires_at, r.labels, r.was_alive, d.status::integer, r.write_id,
            CASE WHEN r.verdict = 'replay' THEN d.answer::text ELSE r.lease END, r.xact
        FROM unnest(results) r JOIN unnest(items) x ON x.i = r.i
        LEFT JOIN stateward_idempotency d ON r.verdict = 'replay'
            AND d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
END $$;
