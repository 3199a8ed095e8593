"""The one statement of every write, and that of reads.

A PL/pgSQL function, because each statement inside it takes a fresh snapshot, which one CTE does not: a CTE misses a
concurrent duplicate's stored answer and a change committed while it waited for a row. Its order is fixed:

1. the rows of existing keys are locked, in (namespace_id, key COLLATE "C") order, so that two calls cannot deadlock;
2. the epochs are compared, after the locks: a rule that took effect while the call waited for one is seen too;
3. idempotency keys are taken, in key order; those already taken are read by the NEXT statement;
4. the time is read once, after all locks, so that a key's revisions rise in time;
5. preconditions and labels are compared on the LOCKED row; new key rows are inserted in the same order; then revision,
   audit record and change.
"""

from django.db import migrations

from stateward.tenancy.models import PLATFORM
from stateward.tenancy.rows import APP

WRITE = f"""
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
    ik text, ih text,          -- idempotency key and request hash (hex)
    aty text, aid uuid, an text,
    en timestamptz,            -- the earliest end of what allowed it
    rid uuid, ho integer, hl integer, mo integer, ml integer,  -- audit record: id, head and middle in the blob
    pl jsonb, act text, cls text, did uuid, rq text
);
CREATE TYPE stateward_write_result AS (
    i integer,
    verdict text,              -- done busy ended labels precondition absent, replay reused stale
    version bigint, at timestamptz, created_at timestamptz, expires_at timestamptz,
    labels text, was_alive boolean,  -- labels: JSON
    status integer, write_id uuid
);

CREATE FUNCTION stateward_write(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_alone boolean, p_items json, p_blob bytea
) RETURNS SETOF stateward_write_result LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    items stateward_write_item[];
    held integer[];
    taken integer[];           -- members whose idempotency key was taken before
    results stateward_write_result[];
    has_keys boolean;
    moment timestamptz;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    IF NOT p_alone THEN
        -- A group never waits for a member: whoever is in the way is met again alone, each for itself.
        PERFORM set_config('lock_timeout', '40ms', true);
    END IF;
    SELECT array_agg(x), bool_or(x.ik IS NOT NULL) INTO items, has_keys
        FROM json_populate_recordset(NULL::stateward_write_item, p_items) x;

    IF p_alone THEN
        SELECT array_agg(s.i) INTO held FROM (
            SELECT x.i FROM unnest(items) x JOIN stateward_entry e
                ON e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
            ORDER BY e.namespace_id, e.key FOR UPDATE OF e) s;
    ELSE
        SELECT array_agg(s.i) INTO held FROM (
            SELECT x.i FROM unnest(items) x JOIN stateward_entry e
                ON e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
            ORDER BY e.namespace_id, e.key FOR UPDATE OF e SKIP LOCKED) s;
    END IF;

    PERFORM 1 FROM stateward_epoch mine, stateward_epoch platform
        WHERE mine.tenant_id = p_tenant AND mine.epoch = p_epoch
          AND platform.tenant_id = '{PLATFORM}' AND platform.epoch = p_platform;
    IF NOT FOUND THEN
        RETURN NEXT (NULL, 'stale', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::stateward_write_result;
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

    WITH beside AS (           -- each member beside the row it is about, as it stands under our lock
        SELECT x.*, e.version AS ev, e.key IS NOT NULL AS present, e.updated_at AS eu, e.value_hash AS eh,
            e.labels AS el, e.created_at AS ec, e.expires_at AS ee, coalesce(e.is_alive, false) AS raw,
            coalesce(e.is_alive AND (e.expires_at IS NULL OR e.expires_at > moment), false) AS alive
        FROM unnest(items) x LEFT JOIN stateward_entry e
            ON e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
    ), judged AS MATERIALIZED (
        SELECT b.*, CASE
            WHEN b.i = ANY (taken) THEN 'replay'
            WHEN b.present AND (held IS NULL OR b.i <> ALL (held)) THEN 'busy'
            WHEN b.en <= moment THEN 'ended'
            WHEN b.op = 'expire' THEN CASE WHEN b.raw AND NOT b.alive THEN 'done' ELSE 'absent' END
            WHEN CASE WHEN b.alive THEN b.dl IS DISTINCT FROM b.el ELSE NOT b.da END THEN 'labels'
            WHEN b.inm AND b.alive THEN 'precondition'
            WHEN b.ifv IS NOT NULL AND (NOT b.alive OR b.ev <> b.ifv) THEN 'precondition'
            WHEN b.op = 'delete' AND NOT b.alive THEN 'absent'
            ELSE 'done' END AS verdict,
            coalesce(b.ev, 0) + 1 AS nv,
            greatest(moment, b.eu + interval '1 microsecond') AS nat,
            b.vl IS NOT NULL AS lives
        FROM beside b
    ), shaped AS MATERIALIZED (
        SELECT j.*,
            CASE WHEN j.alive AND j.lives THEN j.ec ELSE j.nat END AS nc,
            CASE WHEN NOT j.lives THEN '{{}}'::jsonb WHEN j.lb IS NOT NULL THEN j.lb
                 WHEN j.alive THEN j.el ELSE '{{}}'::jsonb END AS nl,
            CASE WHEN NOT j.lives OR j.tm = 'clear' THEN NULL
                 WHEN j.tm = 'set' THEN j.nat + make_interval(secs => j.ts)
                 WHEN j.alive THEN j.ee
                 ELSE j.nat + make_interval(secs => j.td) END AS ne,
            CASE WHEN j.lives THEN substr(p_blob, j.vo + 1, j.vl) END AS nval,
            decode(j.vh, 'hex') AS nh
        FROM judged j WHERE j.verdict = 'done'
    ), created AS (
        INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, value, write_id, value_hash,
            size_bytes, labels, created_at, updated_at, expires_at, actor_type, actor_id, actor_name)
        SELECT p_tenant, s.ns, s.k, 1, true, s.nval, s.wid, s.nh, s.sz, s.nl, s.nc, s.nat, s.ne, s.aty, s.aid, s.an
        FROM shaped s WHERE NOT s.present ORDER BY s.ns, s.k COLLATE "C"
        ON CONFLICT DO NOTHING RETURNING write_id
    ), changed AS (
        UPDATE stateward_entry e SET version = s.nv, is_alive = s.lives, value = s.nval, write_id = s.wid,
            value_hash = s.nh, size_bytes = s.sz, labels = s.nl, created_at = s.nc, updated_at = s.nat,
            expires_at = s.ne, actor_type = s.aty, actor_id = s.aid, actor_name = s.an
        FROM shaped s
        WHERE s.present AND e.tenant_id = p_tenant AND e.namespace_id = s.ns AND e.key = s.k COLLATE "C"
        RETURNING e.write_id
    ), written AS MATERIALIZED (   -- the order is drawn here, under the row's lock
        SELECT s.*, nextval('stateward_order') AS seq FROM shaped s
        WHERE s.wid IN (SELECT write_id FROM created UNION ALL SELECT write_id FROM changed)
    ), revised AS (
        INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation, value, value_hash,
            size_bytes, labels, created_at, expires_at, note, actor_type, actor_id, actor_name, run)
        SELECT p_tenant, nat, wid, ns, k, nv, op, nval, nh, sz, nl, nc, ne, note, aty, aid, an, run FROM written
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
    )
    SELECT array_agg((
            j.i, CASE WHEN j.verdict = 'done' AND w.i IS NULL THEN 'busy' ELSE j.verdict END,
            CASE WHEN w.i IS NOT NULL THEN w.nv WHEN j.alive THEN j.ev END,
            w.nat, w.nc, w.ne, (CASE WHEN w.i IS NOT NULL THEN w.nl WHEN j.alive THEN j.el END)::text, j.alive, NULL, j.wid
        )::stateward_write_result) INTO results
        FROM judged j LEFT JOIN written w ON w.i = j.i;

    IF has_keys THEN
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
        status = CASE WHEN r.verdict = 'precondition' THEN 412 WHEN x.op = 'delete' THEN 204
                      WHEN r.was_alive OR x.op = 'rollback' THEN 200 ELSE 201 END
        FROM unnest(items) x JOIN unnest(results) r ON r.i = x.i
        WHERE x.ik IS NOT NULL AND r.verdict IN ('done', 'precondition')
          AND d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    DELETE FROM stateward_idempotency d
        USING unnest(items) x JOIN unnest(results) r ON r.i = x.i
        WHERE x.ik IS NOT NULL AND r.verdict NOT IN ('done', 'precondition', 'replay')
          AND d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    RETURN QUERY
        SELECT r.i,
            CASE WHEN r.verdict <> 'replay' THEN r.verdict
                 WHEN d.key IS NULL THEN 'busy'      -- cleared a moment ago: once more, as if it were new
                 WHEN d.request_hash <> decode(x.ih, 'hex') THEN 'reused'
                 ELSE 'replay' END,
            CASE WHEN r.verdict = 'replay' THEN d.version ELSE r.version END,
            r.at, r.created_at, r.expires_at, r.labels, r.was_alive, d.status::integer, r.write_id
        FROM unnest(results) r JOIN unnest(items) x ON x.i = r.i
        LEFT JOIN stateward_idempotency d ON r.verdict = 'replay'
            AND d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
END $$;
"""

READ = f"""
CREATE FUNCTION stateward_read(p_tenant uuid, p_items json) RETURNS TABLE (
    i integer, version bigint, value bytea, write_id uuid, size_bytes integer, labels text,
    created_at timestamptz, updated_at timestamptz, expires_at timestamptz,
    actor_type text, actor_id uuid, actor_name text
) LANGUAGE plpgsql ROWS 16 AS $$
#variable_conflict use_column
-- The living entries among those asked for; ``h`` is the version a caller already has, whose value is not sent again.
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT x.i, e.version, CASE WHEN x.h IS DISTINCT FROM e.version THEN e.value END, e.write_id, e.size_bytes,
            e.labels::text, e.created_at, e.updated_at, e.expires_at, e.actor_type, e.actor_id, e.actor_name
        FROM json_to_recordset(p_items) AS x (i integer, ns uuid, k text, h bigint)
        JOIN stateward_entry e ON e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
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
          AND platform.tenant_id = '{PLATFORM}' AND platform.epoch = p_platform;
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

CREATE FUNCTION stateward_epochs(p_tenant uuid) RETURNS TABLE (
    epoch bigint, platform bigint, principals bigint, policies bigint, namespaces bigint, schemas bigint, keys bigint,
    is_own boolean
) LANGUAGE sql STABLE AS $$
    -- Each kind's counter is the tenant's and the platform's together: both only rise, so their sum changes with either.
    -- is_own: this very transaction raised the epoch and has not committed; what it sees must not outlive it.
    SELECT t.epoch, p.epoch, t.principals + p.principals, t.policies + p.policies, t.namespaces + p.namespaces,
        t.schemas + p.schemas, t.keys + p.keys,
        -- A savepoint has an id of its own, which is younger: whatever is as young as this transaction is its own.
        coalesce(least(age(t.xmin), age(p.xmin)) <= age(pg_current_xact_id_if_assigned()::xid), false)
    FROM stateward_epoch t, stateward_epoch p WHERE t.tenant_id = p_tenant AND p.tenant_id = '{PLATFORM}'
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0002_entries")]

    operations = [
        migrations.RunSQL(
            WRITE + READ + f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {APP};",
            "DROP FUNCTION stateward_write, stateward_keep_outcomes, stateward_read, stateward_record_reads, stateward_epochs;"
            "DROP TYPE stateward_write_item, stateward_write_result;",
        )
    ]
