"""What the sealer keeps: trees, which records are where in them, checkpoints, the key it signs with."""

from django.db import migrations

from stateward.tenancy.rows import APP, SEQUENCER, protect

TABLES = """
CREATE TABLE stateward_audit_tree (
    tenant_id uuid PRIMARY KEY,           -- the nil UUID: the platform's own tree
    size bigint NOT NULL,
    root bytea NOT NULL,
    peaks bytea NOT NULL,                 -- roots of the perfect subtrees, largest first: all an append needs
    alarm text,                           -- why nothing is signed for this tenant any more
    held_after bigint                     -- the last pass sealed before the alarm
);
CREATE TABLE stateward_audit_tile (       -- nodes, as stateward.gate.audit.merkle places them
    tenant_id uuid NOT NULL,
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (tenant_id, level, number)
);
ALTER TABLE stateward_audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;  -- parts of it are read
CREATE TABLE stateward_audit_batch (      -- a tenant's records of one pass: leaves first to first + count, by seq
    tenant_id uuid NOT NULL,
    first bigint NOT NULL,
    count bigint NOT NULL,
    pass bigint NOT NULL,
    PRIMARY KEY (tenant_id, first)
);
CREATE UNIQUE INDEX stateward_audit_batch_pass ON stateward_audit_batch (tenant_id, pass);
CREATE TABLE stateward_audit_checkpoint (
    tenant_id uuid NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    key_id uuid NOT NULL,
    note text NOT NULL,                   -- the newest: an idle log's checkpoint is signed again with a later time
    sealed_at timestamptz NOT NULL,
    renewed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, size)
);
CREATE INDEX stateward_audit_checkpoint_renewed ON stateward_audit_checkpoint (renewed_at);
CREATE TABLE stateward_audit_key (
    id uuid PRIMARY KEY,
    public bytea NOT NULL,
    wrapped bytea NOT NULL,               -- under the root key
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz
);
CREATE TABLE stateward_audit_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    pass bigint NOT NULL,                 -- the last pass whose records are in the trees
    caught_up_at timestamptz NOT NULL     -- when there was last nothing left to seal
);
INSERT INTO stateward_audit_progress (pass, caught_up_at) VALUES (0, clock_timestamp());
"""

TENANT_TABLES = ("tree", "tile", "batch", "checkpoint")


def wall(name: str) -> str:
    """The tenant reads its own; the sealer alone writes, and removes nothing."""
    table = f"stateward_audit_{name}"
    return (
        protect(table)
        + f"""
        CREATE POLICY sealer ON {table} TO {SEQUENCER} USING (true) WITH CHECK (true);
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {APP};
        GRANT SELECT, INSERT, UPDATE ON {table} TO {SEQUENCER};
    """
    )


COMMON = f"""
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON stateward_audit_key, stateward_audit_progress FROM {APP};
GRANT SELECT, INSERT, UPDATE ON stateward_audit_key TO {SEQUENCER};
GRANT SELECT, UPDATE ON stateward_audit_progress TO {SEQUENCER};
"""

DROP = """
DROP TABLE stateward_audit_tree, stateward_audit_tile, stateward_audit_batch, stateward_audit_checkpoint,
    stateward_audit_key, stateward_audit_progress;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_denials"), ("sequence", "0002_pass_of")]

    operations = [
        migrations.RunSQL(TABLES, DROP),
        migrations.RunSQL("".join(map(wall, TENANT_TABLES)) + COMMON, migrations.RunSQL.noop),
    ]
