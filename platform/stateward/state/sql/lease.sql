-- Taking, renewing, releasing and ending the lease on a key: one statement each, as a write is.
--
-- Lease and largest token lie on the key's row, so the row's lock orders leases and writes alike. A key that has no row yet
-- gets one of version 0. The order is that of a write: the row's lock, the epochs, the idempotency key, the time, and then
-- everything is compared on the locked row.
--
-- A token is drawn from the clock and only rises: the greater of the last one plus 1 and the milliseconds since 1970. So it
-- does not go back where the row was lost (a restored backup, a namespace made anew), and a clock that steps back does no
-- harm where it was not.
--
-- Who waits has a ticket; tickets of a key are drawn under its row's lock, so their order is that of arrival, in whatever
-- process they wait. A ticket is good for as long as it is renewed: whoever died does not stand in the way. Nobody overtakes:
-- while somebody waits, a free lease is only for the first of them.

CREATE TYPE stateward_lease_item AS (
    op text,                   -- acquire renew release end
    ns uuid, k text,
    id uuid,                   -- of the lease: the new one's, or the one meant
    ttl double precision,      -- seconds
    dl jsonb, da boolean,      -- as in stateward_write_item
    en timestamptz,
    ticket uuid, waits boolean,  -- whether to stand in line, and the place there already
    ik text, ih text,
    aty text, aid uuid, an text,
    rid uuid, ho integer, hl integer, mo integer, ml integer,
    pl jsonb, act text, cls text, did uuid, rq text, run text
);
CREATE TYPE stateward_lease_result AS (
    verdict text,              -- done waiting leased absent stranger ended labels stale replay reused
    id uuid, token bigint, until timestamptz,
    holder text,               -- JSON: who has it; NULL where it is free but others wait
    seconds double precision,  -- until what is in the way ends
    ahead integer,             -- how many wait before this one
    labels text,               -- JSON, of a living entry
    status integer             -- of a repeat
);

CREATE FUNCTION stateward_lease(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_item json, p_blob bytea
) RETURNS SETOF stateward_lease_result LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    x stateward_lease_item := json_populate_record(NULL::stateward_lease_item, p_item);
    e record;
    kept record;
    place bigint;              -- of our ticket
    moment timestamptz;
    alive boolean;
    granted_token bigint;
    granted_until timestamptz;
    r stateward_lease_result;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    IF x.op = 'acquire' THEN
        -- A row of its own, where the key has none. It is filled in below, or says nothing.
        INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, write_id, size_bytes, labels,
            created_at, updated_at, actor_type, actor_id, actor_name)
        SELECT p_tenant, x.ns, x.k, 0, false, x.id, 0, '{}', clock_timestamp(), clock_timestamp(), x.aty, x.aid, x.an
        WHERE x.da AND NOT EXISTS (SELECT FROM stateward_entry o
            WHERE o.tenant_id = p_tenant AND o.namespace_id = x.ns AND o.key = x.k COLLATE "C")
        ON CONFLICT DO NOTHING;
    END IF;
    SELECT o.is_alive, o.expires_at, o.labels, o.lease_id, o.lease_token, o.lease_until, o.lease_actor_type,
            o.lease_actor_id, o.lease_actor_name INTO e
        FROM stateward_entry o WHERE o.tenant_id = p_tenant AND o.namespace_id = x.ns AND o.key = x.k COLLATE "C"
        FOR UPDATE;

    PERFORM 1 FROM stateward_epoch mine, stateward_epoch platform
        WHERE mine.tenant_id = p_tenant AND mine.epoch = p_epoch
          AND platform.tenant_id = :platform AND platform.epoch = p_platform;
    IF NOT FOUND THEN
        r.verdict := 'stale';
        RETURN NEXT r;
        RETURN;
    END IF;

    IF x.ik IS NOT NULL THEN
        INSERT INTO stateward_idempotency (tenant_id, actor_id, key, request_hash, status, at)
            VALUES (p_tenant, x.aid, x.ik, decode(x.ih, 'hex'), 0, clock_timestamp()) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT d.request_hash, d.status, d.answer INTO kept FROM stateward_idempotency d
                WHERE d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
            DELETE FROM stateward_lease_ticket t WHERE t.tenant_id = p_tenant AND t.id = x.ticket;
            r.verdict := CASE WHEN kept.request_hash IS NULL THEN 'stale'  -- swept a moment ago: once more
                WHEN kept.request_hash <> decode(x.ih, 'hex') THEN 'reused' ELSE 'replay' END;
            r.status := kept.status;
            r.id := (kept.answer ->> 'id')::uuid;
            r.token := (kept.answer ->> 'token')::bigint;
            r.until := (kept.answer ->> 'until')::timestamptz;
            r.holder := kept.answer ->> 'holder';
            r.seconds := (kept.answer ->> 'seconds')::double precision;
            r.ahead := (kept.answer ->> 'ahead')::integer;
            RETURN NEXT r;
            RETURN;
        END IF;
    END IF;

    moment := clock_timestamp();
    alive := coalesce(e.is_alive AND (e.expires_at IS NULL OR e.expires_at > moment), false);
    r.id := e.lease_id;
    r.token := e.lease_token;
    r.until := e.lease_until;
    IF e.lease_until > moment THEN
        r.holder := json_build_object('type', e.lease_actor_type, 'id', e.lease_actor_id, 'name', e.lease_actor_name);
        r.seconds := extract(epoch FROM e.lease_until - moment);
    END IF;

    IF x.op = 'acquire' THEN
        DELETE FROM stateward_lease_ticket t
            WHERE t.tenant_id = p_tenant AND t.namespace_id = x.ns AND t.key = x.k COLLATE "C" AND t.until <= moment
              AND t.id IS DISTINCT FROM x.ticket;
        SELECT t.seq INTO place FROM stateward_lease_ticket t WHERE t.tenant_id = p_tenant AND t.id = x.ticket;
        SELECT count(*) INTO r.ahead FROM stateward_lease_ticket t
            WHERE t.tenant_id = p_tenant AND t.namespace_id = x.ns AND t.key = x.k COLLATE "C"
              AND (place IS NULL OR t.seq < place);
    END IF;

    r.verdict := CASE
        WHEN x.en <= moment THEN 'ended'
        WHEN CASE WHEN alive THEN x.dl IS DISTINCT FROM e.labels ELSE NOT x.da END THEN 'labels'
        WHEN x.op = 'acquire' THEN
            CASE WHEN r.holder IS NULL AND r.ahead = 0 THEN 'done'
                 WHEN x.waits AND r.ahead < 1000 THEN 'waiting' ELSE 'leased' END
        WHEN r.holder IS NULL OR e.lease_id IS DISTINCT FROM x.id THEN 'absent'
        WHEN x.op <> 'end' AND (e.lease_actor_type, e.lease_actor_id) IS DISTINCT FROM (x.aty, x.aid) THEN 'stranger'
        ELSE 'done' END;

    IF r.verdict = 'labels' THEN
        r.labels := CASE WHEN alive THEN e.labels::text END;
    ELSIF r.verdict = 'waiting' THEN
        INSERT INTO stateward_lease_ticket (tenant_id, id, namespace_id, key, seq, actor_type, actor_id, actor_name, at, until)
            VALUES (p_tenant, x.ticket, x.ns, x.k, nextval('stateward_order'), x.aty, x.aid, x.an, moment,
                moment + interval '5 seconds')
            ON CONFLICT (tenant_id, id) DO UPDATE SET until = excluded.until;
    ELSIF x.ticket IS NOT NULL THEN
        DELETE FROM stateward_lease_ticket t WHERE t.tenant_id = p_tenant AND t.id = x.ticket;
    END IF;

    IF r.verdict = 'done' THEN
        granted_token := CASE WHEN x.op IN ('acquire', 'end')
            THEN greatest(e.lease_token + 1, floor(extract(epoch FROM moment) * 1000)::bigint) ELSE e.lease_token END;
        granted_until := CASE WHEN x.op IN ('acquire', 'renew') THEN moment + make_interval(secs => x.ttl) END;
        IF x.op IN ('acquire', 'renew') THEN
            UPDATE stateward_entry o SET lease_id = x.id, lease_token = granted_token, lease_until = granted_until,
                lease_actor_type = x.aty, lease_actor_id = x.aid, lease_actor_name = x.an
            WHERE o.tenant_id = p_tenant AND o.namespace_id = x.ns AND o.key = x.k COLLATE "C";
            r.holder := json_build_object('type', x.aty, 'id', x.aid, 'name', x.an);
        ELSE  -- of an end another token is drawn: what the holder still sends is refused
            UPDATE stateward_entry o SET lease_token = granted_token, lease_until = moment
            WHERE o.tenant_id = p_tenant AND o.namespace_id = x.ns AND o.key = x.k COLLATE "C";
        END IF;
        r.id := x.id;
        r.token := granted_token;
        r.until := granted_until;
        PERFORM stateward_audit_append(p_tenant, x.rid, x.act, 'allow', x.aty, x.aid, x.an, 'entry', x.ns::text, x.ns,
            x.cls, x.did, x.rq, x.run, substr(p_blob, x.ho + 1, x.hl), substr(p_blob, x.mo + 1, x.ml), x.pl, NULL,
            granted_token);
    END IF;

    IF x.ik IS NOT NULL AND r.verdict IN ('done', 'leased') THEN
        UPDATE stateward_idempotency d SET namespace_id = x.ns, entry_key = x.k,
            status = CASE WHEN r.verdict = 'leased' THEN 423 WHEN x.op = 'acquire' THEN 201
                          WHEN x.op = 'renew' THEN 200 ELSE 204 END,
            answer = jsonb_build_object('id', r.id, 'token', r.token, 'until', r.until, 'holder', r.holder,
                'seconds', r.seconds, 'ahead', r.ahead)
        WHERE d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    ELSIF x.ik IS NOT NULL THEN
        DELETE FROM stateward_idempotency d WHERE d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    END IF;
    RETURN NEXT r;
END $$;

CREATE FUNCTION stateward_lease_turn(p_tenant uuid, p_ticket uuid, p_actor uuid, p_ik text) RETURNS TABLE (
    stands boolean, is_turn boolean, ahead integer, seconds double precision
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
-- Renews a ticket and looks, without a lock, whether it is its turn: taking the lease then looks again, under the lock.
DECLARE
    mine record;
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    UPDATE stateward_lease_ticket t SET until = moment + interval '5 seconds'
        WHERE t.tenant_id = p_tenant AND t.id = p_ticket RETURNING t.namespace_id, t.key, t.seq INTO mine;
    stands := FOUND;
    SELECT count(*) INTO ahead FROM stateward_lease_ticket t
        WHERE t.tenant_id = p_tenant AND t.namespace_id = mine.namespace_id AND t.key = mine.key COLLATE "C"
          AND t.seq < mine.seq AND t.until > moment;
    SELECT extract(epoch FROM o.lease_until - moment) INTO seconds FROM stateward_entry o
        WHERE o.tenant_id = p_tenant AND o.namespace_id = mine.namespace_id AND o.key = mine.key COLLATE "C"
          AND o.lease_until > moment;
    is_turn := NOT stands OR (ahead = 0 AND seconds IS NULL) OR EXISTS (  -- decided already, for a request like this one
        SELECT FROM stateward_idempotency d WHERE d.tenant_id = p_tenant AND d.actor_id = p_actor AND d.key = p_ik);
    RETURN NEXT;
END $$;
