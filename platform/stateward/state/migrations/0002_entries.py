"""The data plane's tables: entries, revisions, changes, idempotency keys."""

from django.db import migrations

from stateward.tenancy.rows import append_only, protect, sequencer_reads

TABLES = """
CREATE TABLE stateward_entry (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    is_alive boolean NOT NULL,            -- false once deleted or expired: the row outlives its value
    value bytea,                          -- sealed; NULL unless alive
    write_id uuid NOT NULL,               -- bound into the sealed value; also the newest revision's id
    value_hash bytea,                     -- keyed, of the plaintext
    size_bytes integer NOT NULL,          -- of the plaintext
    labels jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    PRIMARY KEY (tenant_id, namespace_id, key)
) WITH (fillfactor = 80);                 -- room for the next version on the same page
ALTER TABLE stateward_entry ALTER COLUMN value SET STORAGE EXTERNAL;  -- ciphertext does not compress
CREATE INDEX stateward_entry_expires ON stateward_entry (tenant_id, expires_at)
    WHERE expires_at IS NOT NULL AND is_alive;

CREATE TABLE stateward_revision (
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,                     -- the write id
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    operation text NOT NULL,              -- put, patch, delete, rollback, expire
    value bytea,
    value_hash bytea,
    size_bytes integer NOT NULL,
    labels jsonb NOT NULL,
    created_at timestamptz NOT NULL,      -- of the entry's present life
    expires_at timestamptz,
    note text,
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    run text,
    PRIMARY KEY (tenant_id, at, id)
) PARTITION BY RANGE (at);
ALTER TABLE stateward_revision ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX stateward_revision_version ON stateward_revision (tenant_id, namespace_id, key, version);

CREATE TABLE stateward_change (
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,                     -- the revision's
    seq bigint NOT NULL,                  -- drawn under the key's row lock: order within a pass
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    operation text NOT NULL,
    PRIMARY KEY (tenant_id, at, id)
) PARTITION BY RANGE (at);
CREATE INDEX stateward_change_xid ON stateward_change (xid);  -- BRIN knows no xid8

CREATE TABLE stateward_idempotency (
    tenant_id uuid NOT NULL,
    actor_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,          -- keyed hash of method, path, conditional headers and body
    status smallint NOT NULL,             -- 0 until the transaction that holds it has decided
    namespace_id uuid,
    entry_key text COLLATE "C",
    version bigint,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, actor_id, key)
);
CREATE INDEX stateward_idempotency_at ON stateward_idempotency (at);

SELECT stateward_add_partitions('stateward_revision', 13);
SELECT stateward_add_partitions('stateward_change', 13);
"""

DROP = """
DROP TABLE stateward_idempotency, stateward_change, stateward_revision, stateward_entry;
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0001_namespaces"), ("tenancy", "0002_walls")]

    operations = [
        migrations.RunSQL(TABLES, DROP),
        migrations.RunSQL(
            protect("stateward_namespace")
            + protect("stateward_entry")
            + protect("stateward_revision")
            + protect("stateward_change")
            + protect("stateward_idempotency")
            + sequencer_reads("stateward_change")
            + append_only("stateward_revision")
            + append_only("stateward_change"),
            migrations.RunSQL.noop,
        ),
    ]
