-- Proposals: a value that N of M named voters must accept before it is written.
--
-- What a vote leads to is worked out by the application under the epochs it passes, from the votes it has read; each vote
-- raises the proposal's counter, and where that is not the one that was read nothing is changed and it looks again. The
-- deciding vote writes the value in its own transaction, by the one statement that writes. Rows are locked in the order
-- proposal, entry.

CREATE TYPE stateward_proposal_item AS (
    op text,                   -- propose accept reject withdraw
    id uuid, ns uuid, k text,
    outcome text,              -- of a vote: open committed rejected
    votes integer,             -- the counter that was read
    quorum integer, voters jsonb,
    vo integer, vl integer, wid uuid, vh text, sz integer,
    ifv bigint, note text, secs double precision,
    dl jsonb, da boolean, en timestamptz,
    ik text, ih text,
    aty text, aid uuid, an text,
    rid uuid, ho integer, hl integer, mo integer, ml integer,
    pl jsonb, act text, cls text, did uuid, rq text, run text
);
CREATE TYPE stateward_proposal_result AS (
    verdict text,              -- done again over absent, ended labels stale replay reused; or what kept the write out
    status integer,
    id uuid,
    labels text,               -- JSON
    version bigint, at timestamptz, created_at timestamptz, expires_at timestamptz,
    was_alive boolean, lease text, xact bigint
);

CREATE FUNCTION stateward_proposal(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_item json, p_writes json, p_blob bytea
) RETURNS SETOF stateward_proposal_result LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    x stateward_proposal_item := json_populate_record(NULL::stateward_proposal_item, p_item);
    state text;                -- of the proposal
    counter integer;
    until timestamptz;
    e record;
    kept record;
    w stateward_write_result;
    moment timestamptz;
    alive boolean;
    r stateward_proposal_result;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    IF x.op <> 'propose' THEN
        SELECT o.state, o.votes, o.expires_at INTO state, counter, until FROM stateward_proposal o
            WHERE o.tenant_id = p_tenant AND o.id = x.id FOR UPDATE;
        r.verdict := CASE WHEN NOT FOUND THEN 'absent' END;
    END IF;
    PERFORM 1 FROM stateward_epoch mine, stateward_epoch platform
        WHERE mine.tenant_id = p_tenant AND mine.epoch = p_epoch
          AND platform.tenant_id = :platform AND platform.epoch = p_platform;
    IF NOT FOUND THEN
        r.verdict := 'stale';
    END IF;
    IF r.verdict IS NULL AND x.ik IS NOT NULL THEN
        INSERT INTO stateward_idempotency (tenant_id, actor_id, key, request_hash, status, at)
            VALUES (p_tenant, x.aid, x.ik, decode(x.ih, 'hex'), 0, clock_timestamp()) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT d.request_hash, d.status, d.answer INTO kept FROM stateward_idempotency d
                WHERE d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
            r.verdict := CASE WHEN kept.request_hash IS NULL THEN 'again'
                WHEN kept.request_hash <> decode(x.ih, 'hex') THEN 'reused' ELSE 'replay' END;
            r.status := kept.status;
            r.id := (kept.answer ->> 'id')::uuid;
        END IF;
    END IF;
    IF r.verdict IS NOT NULL THEN
        RETURN NEXT r;
        RETURN;
    END IF;

    moment := clock_timestamp();
    SELECT o.is_alive, o.expires_at, o.labels INTO e FROM stateward_entry o
        WHERE o.tenant_id = p_tenant AND o.namespace_id = x.ns AND o.key = x.k COLLATE "C";
    alive := coalesce(e.is_alive AND (e.expires_at IS NULL OR e.expires_at > moment), false);
    r.verdict := CASE
        WHEN x.en <= moment THEN 'ended'
        WHEN CASE WHEN alive THEN x.dl IS DISTINCT FROM e.labels ELSE NOT x.da END THEN 'labels'
        WHEN x.op = 'propose' THEN 'done'
        WHEN state <> 'open' OR until <= moment THEN 'over'
        WHEN counter <> x.votes THEN 'again'
        ELSE 'done' END;
    r.labels := CASE WHEN alive THEN e.labels::text END;

    IF r.verdict = 'done' AND x.outcome = 'committed' THEN
        SELECT * INTO w FROM stateward_write(p_tenant, p_epoch, p_platform, 'alone', p_writes, p_blob);
        r := (w.verdict, NULL, x.id, w.labels, w.version, w.at, w.created_at, w.expires_at, w.was_alive, w.lease, w.xact);
    END IF;

    IF r.verdict = 'done' THEN
        r.id := x.id;
        r.status := CASE x.op WHEN 'propose' THEN 201 WHEN 'withdraw' THEN 204 ELSE 200 END;
        IF x.op = 'propose' THEN
            INSERT INTO stateward_proposal (tenant_id, id, namespace_id, key, state, quorum, voters, votes, value, write_id,
                value_hash, size_bytes, if_version, note, actor_type, actor_id, actor_name, created_at, expires_at)
            VALUES (p_tenant, x.id, x.ns, x.k, 'open', x.quorum, x.voters, 0, substr(p_blob, x.vo + 1, x.vl), x.wid,
                decode(x.vh, 'hex'), x.sz, x.ifv, x.note, x.aty, x.aid, x.an, moment, moment + make_interval(secs => x.secs));
        ELSE
            IF x.op <> 'withdraw' THEN
                INSERT INTO stateward_vote (tenant_id, proposal_id, voter_type, voter_id, vote, at)
                    VALUES (p_tenant, x.id, x.aty, x.aid, x.op, moment)
                    ON CONFLICT (tenant_id, proposal_id, voter_type, voter_id) DO UPDATE SET vote = excluded.vote, at = moment;
            END IF;
            -- What was proposed is kept for as long as it may be decided on, and no longer: what was accepted is the entry's.
            UPDATE stateward_proposal o SET votes = o.votes + 1, state = x.outcome, version = r.version,
                ended_at = CASE WHEN x.outcome <> 'open' THEN moment END,
                value = CASE WHEN x.outcome = 'open' THEN o.value END,
                value_hash = CASE WHEN x.outcome = 'open' THEN o.value_hash END
            WHERE o.tenant_id = p_tenant AND o.id = x.id;
        END IF;
        PERFORM stateward_audit_append(p_tenant, x.rid, x.act, 'allow', x.aty, x.aid, x.an, 'proposal', x.id::text, x.ns,
            x.cls, x.did, x.rq, x.run, substr(p_blob, x.ho + 1, x.hl), substr(p_blob, x.mo + 1, x.ml), x.pl, NULL, r.version);
    END IF;

    IF x.ik IS NOT NULL AND r.verdict = 'done' THEN
        UPDATE stateward_idempotency d SET namespace_id = x.ns, entry_key = x.k, status = r.status,
            answer = jsonb_build_object('id', r.id)
        WHERE d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    ELSIF x.ik IS NOT NULL THEN
        DELETE FROM stateward_idempotency d WHERE d.tenant_id = p_tenant AND d.actor_id = x.aid AND d.key = x.ik;
    END IF;
    RETURN NEXT r;
END $$;
