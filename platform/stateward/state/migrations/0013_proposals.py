"""Proposals and the votes on them."""

from django.db import migrations

from stateward.state.sql import install
from stateward.tenancy.rows import protect

TABLES = """
CREATE TABLE stateward_proposal (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    state text NOT NULL,               -- open, committed, rejected, withdrawn, expired
    quorum integer NOT NULL,
    voters jsonb NOT NULL,             -- [{"type", "id", "name"}]
    votes integer NOT NULL,            -- raised by each
    value bytea,                       -- sealed; NULL once it is over
    write_id uuid NOT NULL,            -- bound into the sealed value
    value_hash bytea,
    size_bytes integer NOT NULL,
    if_version bigint,                 -- the version it must replace, where one was named
    note text,
    actor_type text NOT NULL,
    actor_id uuid NOT NULL,
    actor_name text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    version bigint,                    -- of the entry, once committed
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE stateward_proposal ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX stateward_proposal_here ON stateward_proposal (tenant_id, namespace_id, id);
CREATE INDEX stateward_proposal_open ON stateward_proposal (tenant_id, expires_at) WHERE state = 'open';

CREATE TABLE stateward_vote (
    tenant_id uuid NOT NULL,
    proposal_id uuid NOT NULL,
    voter_type text NOT NULL,
    voter_id uuid NOT NULL,
    vote text NOT NULL,                -- accept, reject
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, proposal_id, voter_type, voter_id),
    FOREIGN KEY (tenant_id, proposal_id) REFERENCES stateward_proposal ON DELETE CASCADE
);
"""
DROP = "DROP TABLE stateward_vote, stateward_proposal;"


class Migration(migrations.Migration):
    dependencies = [("state", "0012_quotas")]

    operations = [
        migrations.RunSQL(
            TABLES + protect("stateward_proposal") + protect("stateward_vote") + install(), DROP
        )
    ]
