"""Writes that wait for agreement, and the one statement that keeps one."""

from django.db import migrations

from stateward.tenancy.models import PLATFORM
from stateward.tenancy.rows import APP, protect

TABLES = """
CREATE TABLE stateward_pending (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL,               -- pending, released, refused, withdrawn, expired
    approval_id uuid NOT NULL,
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    on_behalf_of text,
    run text,
    is_transaction boolean NOT NULL,
    idempotency_key text COLLATE "C",
    request_hash bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX stateward_pending_once ON stateward_pending (tenant_id, actor_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX stateward_pending_open ON stateward_pending (tenant_id, expires_at) WHERE state = 'pending';
CREATE TABLE stateward_pending_operation (
    tenant_id uuid NOT NULL,
    pending_id uuid NOT NULL,
    place integer NOT NULL,
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    operation text NOT NULL,
    write_id uuid NOT NULL,            -- bound into the sealed change
    sealed bytea,                      -- the change as it was asked for; NULL once it is over
    base_version bigint,               -- of the entry when it was asked for; NULL: there was none
    size_bytes integer NOT NULL,
    version bigint,                    -- that it wrote, once released
    PRIMARY KEY (tenant_id, pending_id, place),
    FOREIGN KEY (tenant_id, pending_id) REFERENCES stateward_pending ON DELETE CASCADE
);
ALTER TABLE stateward_pending_operation ALTER COLUMN sealed SET STORAGE EXTERNAL;
"""
FUNCTION = f"""
CREATE FUNCTION stateward_hold_back(
    p_tenant uuid, p_epoch bigint, p_platform bigint, p_asked json, p_items json, p_blob bytea
) RETURNS TABLE (verdict text, id uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- Keeps a write, the request for agreement to it, and the record of both, or nothing: 'stale' where a rule came into force
-- meanwhile, 'replay' (with the id of then) or 'reused' where the caller's idempotency key is taken.
DECLARE
    x jsonb := p_asked::jsonb;
    r jsonb := x -> 'record';
    moment timestamptz := clock_timestamp();
    until timestamptz := moment + make_interval(secs => (x ->> 'secs')::double precision);
    mine uuid := (x ->> 'id')::uuid;
    there record;
    hl integer := (r ->> 'hl')::integer;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    PERFORM 1 FROM stateward_epoch own, stateward_epoch platform
        WHERE own.tenant_id = p_tenant AND own.epoch = p_epoch
          AND platform.tenant_id = '{PLATFORM}' AND platform.epoch = p_platform;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'stale', NULL::uuid;
        RETURN;
    END IF;
    INSERT INTO stateward_pending (tenant_id, id, state, approval_id, actor_type, actor_id, actor_name, on_behalf_of, run,
        is_transaction, idempotency_key, request_hash, created_at, expires_at)
    VALUES (p_tenant, mine, 'pending', (x ->> 'approval')::uuid, x ->> 'type', (x ->> 'actor')::uuid, x ->> 'name',
        x ->> 'for', x ->> 'run', (x ->> 'whole')::boolean, x ->> 'ik', decode(x ->> 'ih', 'hex'), moment, until)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT p.id AS kept, p.request_hash INTO there FROM stateward_pending p
            WHERE p.tenant_id = p_tenant AND p.actor_id = (x ->> 'actor')::uuid AND p.idempotency_key = x ->> 'ik';
        RETURN QUERY SELECT CASE WHEN there.request_hash = decode(x ->> 'ih', 'hex') THEN 'replay' ELSE 'reused' END,
            there.kept;
        RETURN;
    END IF;
    INSERT INTO stateward_pending_operation (tenant_id, pending_id, place, namespace_id, key, operation, write_id, sealed,
        base_version, size_bytes)
    SELECT p_tenant, mine, o.place, o.ns, o.k, o.op, o.wid, decode(o.v, 'hex'), o.base, o.sz
    FROM json_to_recordset(p_items)
        AS o (place integer, ns uuid, k text, op text, wid uuid, v text, base bigint, sz integer);
    INSERT INTO stateward_approval_request (id, tenant_id, kind, subject_type, subject_id, subject_name, content, sha256,
        summary, reason, needed, status, asked_by_type, asked_by_id, asked_by_name, authors, electors, asked_at, expires_at)
    VALUES ((x ->> 'approval')::uuid, p_tenant, x ->> 'kind', 'pending', mine::text, x ->> 'subject', x -> 'content',
        x ->> 'sha256', x ->> 'summary', '', (x ->> 'needed')::smallint, 'pending', x ->> 'type', (x ->> 'actor')::uuid,
        x ->> 'name', ARRAY(SELECT jsonb_array_elements_text(x -> 'authors')::uuid),
        ARRAY(SELECT jsonb_array_elements_text(x -> 'electors')::uuid), moment, until);
    PERFORM stateward_audit_append(p_tenant, (r ->> 'rid')::uuid, r ->> 'act', 'allow', x ->> 'type', (x ->> 'actor')::uuid,
        x ->> 'name', 'pending', mine::text, ((p_items -> 0) ->> 'ns')::uuid, r ->> 'cls', (r ->> 'did')::uuid, r ->> 'rq',
        r ->> 'run', substr(p_blob, 1, hl), substr(p_blob, hl + 1, (r ->> 'ml')::integer), r -> 'pl', NULL, NULL);
    RETURN QUERY SELECT 'done', mine;
END $$;
GRANT EXECUTE ON FUNCTION stateward_hold_back TO {APP};
"""
DROP = """
DROP FUNCTION stateward_hold_back;
DROP TABLE stateward_pending_operation, stateward_pending;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("state", "0017_restrictions"), ("approvals", "0001_approvals")]

    operations = [
        migrations.RunSQL(
            TABLES
            + protect("stateward_pending")
            + protect("stateward_pending_operation")
            + FUNCTION,
            DROP,
        )
    ]
