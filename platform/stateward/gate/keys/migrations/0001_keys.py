"""Wrapped keys. Nothing here opens anything without the root key, which is never in the database.

No key row is ever removed: a destroyed key keeps its row and loses its ``wrapped``.
"""

from django.db import migrations

from stateward.tenancy.rows import APP, protect

TABLES = f"""
CREATE TABLE stateward_root_key (
    fingerprint text PRIMARY KEY,
    probe bytea NOT NULL,                 -- a known text sealed under it: a wrong root key is found out at start
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'decrypt_only', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Two first starts with two different root keys: only one of them is taken.
CREATE UNIQUE INDEX stateward_root_key_active ON stateward_root_key ((true)) WHERE state = 'active';
REVOKE UPDATE, DELETE, TRUNCATE ON stateward_root_key FROM {APP};

CREATE TABLE stateward_tenant_key (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    root_key text NOT NULL REFERENCES stateward_root_key,
    wrapped bytea NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'decrypt_only', 'retired', 'destroyed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX stateward_tenant_key_active ON stateward_tenant_key (tenant_id) WHERE state = 'active';

CREATE TABLE stateward_data_key (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    namespace_id uuid,                    -- null: the tenant's own, its hash key
    purpose text NOT NULL CHECK (purpose IN ('value', 'hash')),
    tenant_key_id uuid NOT NULL,
    wrapped bytea NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'decrypt_only', 'retired', 'destroyed')),
    messages bigint NOT NULL DEFAULT 0,   -- sealed under this version, added up in batches
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id, version),
    FOREIGN KEY (tenant_id, tenant_key_id) REFERENCES stateward_tenant_key (tenant_id, id),
    CHECK ((purpose = 'value') = (namespace_id IS NOT NULL))
);
CREATE UNIQUE INDEX stateward_data_key_active ON stateward_data_key (tenant_id, namespace_id, purpose)
    NULLS NOT DISTINCT WHERE state = 'active';
CREATE INDEX stateward_data_key_namespace ON stateward_data_key (tenant_id, namespace_id);
REVOKE DELETE, TRUNCATE ON stateward_tenant_key, stateward_data_key FROM {APP};
"""

# Each function sets the tenant for its own statements and gives the session back as it was, so that one call is one
# round trip in whatever transaction.
FUNCTIONS = """
CREATE FUNCTION stateward_keys(p_tenant uuid, p_namespace uuid) RETURNS TABLE (
    kind text, id uuid, wrapped bytea, root_key text, version integer, namespace_id uuid, purpose text, state text,
    tenant_key_id uuid, messages bigint
) LANGUAGE plpgsql AS $$
-- The tenant's own keys where p_namespace is null, else that namespace's. A tenant may have very many namespaces.
#variable_conflict use_column
DECLARE
    before text := current_setting('stateward.tenant', true);
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT 'tenant', t.id, t.wrapped, t.root_key, NULL::integer, NULL::uuid, NULL::text, t.state, NULL::uuid, NULL::bigint
        FROM stateward_tenant_key t
        WHERE p_namespace IS NULL AND t.tenant_id = p_tenant AND t.state IN ('active', 'decrypt_only');
    RETURN QUERY
        SELECT 'data', d.id, d.wrapped, NULL::text, d.version, d.namespace_id, d.purpose, d.state, d.tenant_key_id, d.messages
        FROM stateward_data_key d
        WHERE d.tenant_id = p_tenant AND d.namespace_id = p_namespace AND d.state IN ('active', 'decrypt_only')
        UNION ALL
        SELECT 'data', d.id, d.wrapped, NULL::text, d.version, d.namespace_id, d.purpose, d.state, d.tenant_key_id, d.messages
        FROM stateward_data_key d
        WHERE p_namespace IS NULL AND d.tenant_id = p_tenant AND d.namespace_id IS NULL
            AND d.state IN ('active', 'decrypt_only');
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
    p_tenant uuid, p_id uuid, p_namespace uuid, p_purpose text, p_tenant_key uuid, p_wrapped bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
-- The first version of a data key; false where there ever was one for that namespace and purpose. The epoch stays: no
-- process has cached anything of a namespace that is new.
DECLARE
    before text := current_setting('stateward.tenant', true);
    is_new boolean;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_data_key (tenant_id, id, version, namespace_id, purpose, tenant_key_id, wrapped)
        SELECT p_tenant, p_id, 1, p_namespace, p_purpose, p_tenant_key, p_wrapped
        WHERE NOT EXISTS (
            SELECT FROM stateward_data_key
            WHERE tenant_id = p_tenant AND namespace_id IS NOT DISTINCT FROM p_namespace AND purpose = p_purpose)
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
    UPDATE stateward_data_key SET state = 'decrypt_only'
        WHERE tenant_id = p_tenant AND id = p_id AND version = p_version AND state = 'active' RETURNING * INTO old;
    IF old.id IS NOT NULL THEN
        INSERT INTO stateward_data_key (tenant_id, id, version, namespace_id, purpose, tenant_key_id, wrapped)
            VALUES (p_tenant, p_id, p_version + 1, old.namespace_id, old.purpose, p_tenant_key, p_wrapped);
        UPDATE stateward_epoch SET epoch = epoch + 1, keys = keys + 1 WHERE tenant_id = p_tenant;
    END IF;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN old.id IS NOT NULL;
END $$;

CREATE FUNCTION stateward_count_messages(
    p_tenant uuid, p_ids uuid[], p_versions integer[], p_numbers bigint[], p_due bigint
) RETURNS TABLE (namespace_id uuid) LANGUAGE plpgsql AS $$
-- Adds to the keys' messages; answers the namespaces whose active key has sealed p_due or more.
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
            RETURNING d.namespace_id, d.state, d.messages)
        SELECT a.namespace_id FROM added a WHERE a.state = 'active' AND a.messages >= p_due;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
END $$;
"""

DROP = """
DROP FUNCTION stateward_keys, stateward_add_tenant_key, stateward_add_data_key, stateward_rotate_data_key,
    stateward_count_messages;
DROP TABLE stateward_data_key, stateward_tenant_key, stateward_root_key;
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_walls"), ("audit", "0001_records")]

    operations = [
        migrations.RunSQL(TABLES + FUNCTIONS, DROP),
        migrations.RunSQL(
            protect("stateward_tenant_key") + protect("stateward_data_key"),
            migrations.RunSQL.noop,
        ),
    ]
