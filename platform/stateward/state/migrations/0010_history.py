"""Cuts of a namespace's history; checkpoints, which name one; branches, which begin at one.

A revision says by which transaction it was written, so that a snapshot can tell whether it was there. What was written before
this migration has no such id, and is older than every snapshot that is taken from here on.
"""

from django.db import migrations

from stateward.state.sql import install
from stateward.tenancy.rows import protect

TABLES = """
ALTER TABLE stateward_revision
    ADD COLUMN xid xid8,
    ADD COLUMN restores integer NOT NULL DEFAULT 0;  -- how often it came back from a backup
ALTER TABLE stateward_revision ALTER COLUMN xid SET DEFAULT pg_current_xact_id();

CREATE INDEX stateward_feed_pass_at ON stateward_feed_pass (at);

CREATE TABLE stateward_checkpoint (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    label text NOT NULL,
    snapshot pg_snapshot NOT NULL,        -- what was there
    restores integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL,
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stateward_checkpoint_namespace ON stateward_checkpoint (tenant_id, namespace_id, id);

CREATE TABLE stateward_namespace_branch (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,           -- the branch itself
    parent_id uuid NOT NULL,
    checkpoint_id uuid,                   -- of the parent, if it begins at one
    snapshot pg_snapshot NOT NULL,        -- of the parent: the base
    restores integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, namespace_id)
);
CREATE INDEX stateward_namespace_branch_parent ON stateward_namespace_branch (tenant_id, parent_id);
"""
DROP = """
DROP TABLE stateward_namespace_branch, stateward_checkpoint;
DROP INDEX stateward_feed_pass_at;
ALTER TABLE stateward_revision DROP COLUMN restores, DROP COLUMN xid;
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0009_leases_in_line"), ("sequence", "0004_feed_passes")]

    operations = [
        migrations.RunSQL(
            TABLES
            + protect("stateward_checkpoint")
            + protect("stateward_namespace_branch")
            + install(),
            DROP,
        )
    ]
