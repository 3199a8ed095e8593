-- Each function sets the tenant for its own statements and gives the session back as it was, so that one call is one
-- round trip in whatever transaction.

CREATE FUNCTION stateward_keys(p_tenant uuid, p_namespace uuid) RETURNS TABLE (
    kind text, id uuid, wrapped bytea, root_key text, version integer, namespace_id uuid, purpose text, state text,
    tenant_key_id uuid, messages bigint, subject bytea
) LANGUAGE plpgsql AS $$
-- The tenant's own keys where p_namespace is null, else that namespace's. A tenant may have very many namespaces, and a
-- namespace very many subjects: theirs are looked up as they are met, and 'subjects' says only that there are some.
#variable_conflict use_column
DECLARE
    before text := current_setting('stateward.tenant', true);
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT 'tenant', t.id, t.wrapped, t.root_key, NULL::integer, NULL::uuid, NULL::text, t.state, NULL::uuid,
            NULL::bigint, NULL::bytea
        FROM stateward_tenant_key t
        WHERE p_namespace IS NULL AND t.tenant_id = p_tenant AND t.state IN ('active', 'decrypt_only');
    RETURN QUERY
        SELECT 'data', d.id, d.wrapped, NULL::text, d.version, d.namespace_id, d.purpose, d.state, d.tenant_key_id,
            d.messages, NULL::bytea
        FROM stateward_data_key d
        WHERE d.tenant_id = p_tenant AND d.namespace_id = p_namespace AND d.subject IS NULL
            AND d.state IN ('active', 'decrypt_only')
        UNION ALL
        SELECT 'data', d.id, d.wrapped, NULL::text, d.version, d.namespace_id, d.purpose, d.state, d.tenant_key_id,
            d.messages, NULL::bytea
        FROM stateward_data_key d
        WHERE p_namespace IS NULL AND d.tenant_id = p_tenant AND d.namespace_id IS NULL
            AND d.state IN ('active', 'decrypt_only');
    IF p_namespace IS NOT NULL AND EXISTS (
        SELECT FROM stateward_data_key d
        WHERE d.tenant_id = p_tenant AND d.namespace_id = p_namespace AND d.subject IS NOT NULL)
    THEN
        RETURN QUERY SELECT 'subjects', NULL::uuid, NULL::bytea, NULL::text, NULL::integer, p_namespace, NULL::text,
            NULL::text, NULL::uuid, NULL::bigint, NULL::bytea;
    END IF;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
END $$;

CREATE FUNCTION stateward_named_keys(p_tenant uuid, p_namespace uuid, p_subject bytea, p_ids uuid[]) RETURNS TABLE (
    kind text, id uuid, wrapped bytea, root_key text, version integer, namespace_id uuid, purpose text, state text,
    tenant_key_id uuid, messages bigint, subject bytea
) LANGUAGE plpgsql AS $$
-- The keys of one subject in a namespace, or those of these ids; destroyed ones too, so that the difference is known
-- between a key that is gone for good and one that never was.
#variable_conflict use_column
DECLARE
    before text := current_setting('stateward.tenant', true);
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT 'data', d.id, d.wrapped, NULL::text, d.version, d.namespace_id, d.purpose, d.state, d.tenant_key_id,
            d.messages, d.subject
        FROM stateward_data_key d
        WHERE d.tenant_id = p_tenant AND d.namespace_id = p_namespace AND d.state <> 'retired'
            AND (d.subject = p_subject OR d.id = ANY (p_ids));
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
END $$;

CREATE FUNCTION stateward_add_tenant_key(p_tenant uuid, p_id uuid, p_root text, p_wrapped bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
-- The tenant's first key; false where it ever had one, in whatever state that is now.
DECLARE
    before text := current_setting('stateward.tenant', true);
    is_new boolean;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_tenant_key (tenant_id, id, root_key, wrapped)
        SELECT p_tenant, p_id, p_root, p_wrapped
        WHERE NOT EXISTS (SELECT FROM stateward_tenant_key WHERE tenant_id = p_tenant)
        ON CONFLICT DO NOTHING;
    is_new := FOUND;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN is_new;
END $$;

CREATE FUNCTION stateward_add_data_key(
    p_tenant uuid, p_id uuid, p_namespace uuid, p_purpose text, p_tenant_key uuid, p_wrapped bytea,
    p_subject bytea DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql AS $$
-- The first version of a data key; false where there ever was one for that namespace, purpose and subject. The epoch
-- stays: no process has cached anything of what is new.
DECLARE
    before text := current_setting('stateward.tenant', true);
    is_new boolean;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_data_key (tenant_id, id, version, namespace_id, purpose, tenant_key_id, wrapped, subject)
        SELECT p_tenant, p_id, 1, p_namespace, p_purpose, p_tenant_key, p_wrapped, p_subject
        WHERE NOT EXISTS (
            SELECT FROM stateward_data_key
            WHERE tenant_id = p_tenant AND namespace_id IS NOT DISTINCT FROM p_namespace AND purpose = p_purpose
                AND subject IS NOT DISTINCT FROM p_subject)
        ON CONFLICT DO NOTHING;
    is_new := FOUND;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN is_new;
END $$;

CREATE FUNCTION stateward_rotate_data_key(
    p_tenant uuid, p_id uuid, p_version integer, p_tenant_key uuid, p_wrapped bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
-- Version p_version only opens from now on, the next one seals; false where p_version seals no longer.
DECLARE
    before text := current_setting('stateward.tenant', true);
    old stateward_data_key;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    UPDATE stateward_data_key SET state = 'decrypt_only', turned_at = clock_timestamp()
        WHERE tenant_id = p_tenant AND id = p_id AND version = p_version AND state = 'active' RETURNING * INTO old;
    IF old.id IS NOT NULL THEN
        INSERT INTO stateward_data_key (tenant_id, id, version, namespace_id, purpose, tenant_key_id, wrapped, subject)
            VALUES (p_tenant, p_id, p_version + 1, old.namespace_id, old.purpose, p_tenant_key, p_wrapped, old.subject);
        UPDATE stateward_epoch SET epoch = epoch + 1, keys = keys + 1 WHERE tenant_id = p_tenant;
    END IF;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN old.id IS NOT NULL;
END $$;

CREATE FUNCTION stateward_count_messages(
    p_tenant uuid, p_ids uuid[], p_versions integer[], p_numbers bigint[], p_due bigint
) RETURNS TABLE (namespace_id uuid, id uuid) LANGUAGE plpgsql AS $$
-- Adds to the keys' messages; answers the active keys that have sealed p_due or more, and their namespaces.
#variable_conflict use_column
DECLARE
    before text := current_setting('stateward.tenant', true);
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    PERFORM 1 FROM stateward_data_key d
        WHERE d.tenant_id = p_tenant AND d.id = ANY (p_ids) ORDER BY d.id, d.version FOR NO KEY UPDATE;
    RETURN QUERY
        WITH added AS (
            UPDATE stateward_data_key d SET messages = d.messages + c.number
            FROM unnest(p_ids, p_versions, p_numbers) AS c (id, version, number)
            WHERE d.tenant_id = p_tenant AND d.id = c.id AND d.version = c.version
            RETURNING d.namespace_id, d.id, d.state, d.messages)
        SELECT a.namespace_id, a.id FROM added a WHERE a.state = 'active' AND a.messages >= p_due;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
END $$;

CREATE FUNCTION stateward_turn_root_key(p_old text, p_new text, p_probe bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- From now on tenants' keys are wrapped under p_new; p_old only unwraps. False where p_old is not the one in force, or
-- p_new was in use before: a root key that was put aside does not come back.
DECLARE
    is_turned boolean;
BEGIN
    PERFORM 1 FROM stateward_root_key WHERE fingerprint = p_new;
    IF FOUND THEN
        RETURN false;
    END IF;
    UPDATE stateward_root_key SET state = 'decrypt_only' WHERE fingerprint = p_old AND state = 'active';
    is_turned := FOUND;
    IF is_turned THEN
        INSERT INTO stateward_root_key (fingerprint, probe) VALUES (p_new, p_probe);
    END IF;
    RETURN is_turned;
END $$;
REVOKE ALL ON FUNCTION stateward_turn_root_key(text, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_turn_root_key(text, text, bytea) TO stateward_app;

CREATE FUNCTION stateward_retire_root_key(p_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Nothing is wrapped under it any more, as whoever calls has made sure of tenant by tenant.
BEGIN
    UPDATE stateward_root_key SET state = 'retired' WHERE fingerprint = p_name AND state = 'decrypt_only';
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION stateward_retire_root_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_retire_root_key(text) TO stateward_app;

CREATE FUNCTION stateward_rewrap_sealing_key(p_id uuid, p_was bytea, p_wrapped bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The same sealing key under another root key; only where it is wrapped as it was when it was read.
BEGIN
    UPDATE stateward_audit_key SET wrapped = p_wrapped WHERE id = p_id AND wrapped = p_was;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION stateward_rewrap_sealing_key(uuid, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_rewrap_sealing_key(uuid, bytea, bytea) TO stateward_app;
