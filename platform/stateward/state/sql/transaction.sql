-- What a transaction decided, under its idempotency key.

CREATE FUNCTION stateward_keep_transaction(
    p_tenant uuid, items stateward_write_item[], results stateward_write_result[]
) RETURNS SETOF stateward_write_result LANGUAGE plpgsql AS $$
-- The key is on one member. Kept are success, with each operation's version, and the first operation whose precondition
-- failed or that a lease kept out; of a transaction under a key that was taken before, only that member's row says so.
DECLARE
    keyed stateward_write_item;
    mine stateward_write_result;
    failed stateward_write_result;
    kept stateward_idempotency;
BEGIN
    SELECT * INTO keyed FROM unnest(items) x WHERE x.ik IS NOT NULL LIMIT 1;
    SELECT * INTO mine FROM unnest(results) r WHERE r.i = keyed.i;
    SELECT * INTO kept FROM stateward_idempotency d
        WHERE d.tenant_id = p_tenant AND d.actor_id = keyed.aid AND d.key = keyed.ik;
    IF mine.verdict = 'replay' THEN
        mine.verdict := CASE WHEN kept IS NULL THEN 'busy'    -- cleared a moment ago: once more, as if it were new
            WHEN kept.request_hash <> decode(keyed.ih, 'hex') THEN 'reused' ELSE 'replay' END;
        RETURN NEXT mine;
        RETURN;
    END IF;
    SELECT * INTO failed FROM unnest(results) r WHERE r.verdict NOT IN ('done', 'busy')
        -- Another try is due for 'labels' and 'ended', whatever else; for 'moved' only if nothing is refused.
        ORDER BY CASE r.verdict WHEN 'labels' THEN 0 WHEN 'ended' THEN 0 WHEN 'moved' THEN 2 ELSE 1 END, r.i LIMIT 1;
    IF failed.verdict IS NULL THEN
        UPDATE stateward_idempotency d SET status = 200,
            versions = (SELECT array_agg(r.version ORDER BY r.i) FROM unnest(results) r)
            WHERE d.tenant_id = p_tenant AND d.actor_id = keyed.aid AND d.key = keyed.ik;
    ELSIF failed.verdict IN ('precondition', 'leased', 'fenced') THEN
        UPDATE stateward_idempotency d SET status = CASE failed.verdict WHEN 'leased' THEN 423 ELSE 412 END,
            version = failed.version, operation = failed.i,
            answer = failed.lease::jsonb || jsonb_build_object('verdict', failed.verdict)
            WHERE d.tenant_id = p_tenant AND d.actor_id = keyed.aid AND d.key = keyed.ik;
    ELSE
        DELETE FROM stateward_idempotency d
            WHERE d.tenant_id = p_tenant AND d.actor_id = keyed.aid AND d.key = keyed.ik;
    END IF;
    RETURN QUERY SELECT * FROM unnest(results);
END $$;
