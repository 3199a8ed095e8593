"""The two functions of the hot path again, with plans that do not depend on how full a table was when they were made.

A connection plans a function's statements once. Planned while the tables were empty, each write of a tenant that grew
quickly read all its entries, until statistics arrived a minute later: 40 ms instead of 0.1. So rows are found by their
whole key, one by one, and changed by their place; ways that could look cheap on an empty table are switched off.
"""

from django.db import migrations

from stateward.tenancy.models import PLATFORM

WRITE = f"""
CREATE OR REPLACE FUNCTION stateward_write(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_alone boolean, p_items json, p_blob bytea
) RETURNS SETOF stateward_write_result LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
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
            e.labels AS el, e.created_at AS ec, e.expires_at AS ee, e.place, coalesce(e.is_alive, false) AS raw,
            coalesce(e.is_alive AND (e.expires_at IS NULL OR e.expires_at > moment), false) AS alive
        FROM unnest(items) x LEFT JOIN LATERAL (
            SELECT e.ctid AS place, e.key, e.version, e.updated_at, e.value_hash, e.labels, e.created_at, e.expires_at, e.is_alive
            FROM stateward_entry e
            WHERE e.tenant_id = p_tenant AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C" OFFSET 0) e ON true
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
        WHERE s.present AND e.tenant_id = p_tenant AND e.ctid = s.place
        RETURNING e.write_id
    ), written AS MATERIALIZED (   -- the order is drawn here, under the row's lock
        SELECT s.*, nextval('stateward_order') AS seq FROM shaped s
        WHERE (s.wid IN (SELECT write_id FROM created UNION ALL SELECT write_id FROM changed)) IS TRUE  -- not as a join
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
    ), told AS (
        SELECT i, verdict, nv AS version, nat, nc, ne, nl AS labels, alive, wid FROM written
        UNION ALL
        SELECT i, CASE verdict WHEN 'done' THEN 'busy' ELSE verdict END, CASE WHEN alive THEN ev END, NULL, NULL, NULL,
            CASE WHEN alive THEN el END, alive, wid
        FROM judged
        WHERE verdict <> 'done' OR wid NOT IN (SELECT write_id FROM created UNION ALL SELECT write_id FROM changed)
    )
    SELECT array_agg((i, verdict, version, nat, nc, ne, labels::text, alive, NULL, wid)::stateward_write_result)
        INTO results FROM told;

    IF has_keys THEN
        RETURN QUERY SELECT * FROM stateward_keep_outcomes(p_tenant, items, results);
    ELSE
        RETURN QUERY SELECT * FROM unnest(results);
    END IF;
END $$;
"""

READ = """
CREATE OR REPLACE FUNCTION stateward_read(p_tenant uuid, p_items json) RETURNS TABLE (
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
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0004_holds")]

    operations = [migrations.RunSQL(WRITE + READ, migrations.RunSQL.noop)]
