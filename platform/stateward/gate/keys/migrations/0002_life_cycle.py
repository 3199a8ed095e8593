"""The life of a key after its first version, keys of single subjects, and the ledger of what was shredded.

A destroyed key keeps its row and loses its ``wrapped``. The ledger is append-only: what stands in it is never opened again,
from whatever backup it comes back.
"""

from django.db import migrations

from stateward.gate.keys.sql import DROP, install
from stateward.tenancy.rows import append_only, protect

COLUMNS = """
ALTER TABLE stateward_data_key
    ADD COLUMN subject bytea,                 -- keyed hash of whom it belongs to; NULL: the namespace's own
    ADD COLUMN is_compromised boolean NOT NULL DEFAULT false,
    ADD COLUMN gathers boolean NOT NULL DEFAULT false,  -- whether older values were sealed anew under it
    ADD COLUMN turned_at timestamptz,         -- since when it only opens
    ADD COLUMN retired_at timestamptz,
    ADD COLUMN destroyed_at timestamptz,
    DROP CONSTRAINT stateward_data_key_purpose_check,
    DROP CONSTRAINT stateward_data_key_check,
    ADD CONSTRAINT stateward_data_key_purpose CHECK (purpose IN ('value', 'hash', 'index')),
    ADD CONSTRAINT stateward_data_key_place CHECK ((purpose = 'hash') = (namespace_id IS NULL)),
    ADD CONSTRAINT stateward_data_key_subject CHECK (subject IS NULL OR purpose = 'value'),
    ADD CONSTRAINT stateward_data_key_gone CHECK (state <> 'destroyed' OR octet_length(wrapped) = 0);
UPDATE stateward_data_key SET turned_at = created_at WHERE state <> 'active';
DROP INDEX stateward_data_key_active;
CREATE UNIQUE INDEX stateward_data_key_active ON stateward_data_key (tenant_id, namespace_id, purpose, subject)
    NULLS NOT DISTINCT WHERE state = 'active';
DROP INDEX stateward_data_key_namespace;
CREATE INDEX stateward_data_key_namespace ON stateward_data_key (tenant_id, namespace_id, subject);
CREATE INDEX stateward_data_key_subject ON stateward_data_key (tenant_id, subject) WHERE subject IS NOT NULL;
ALTER TABLE stateward_tenant_key
    ADD COLUMN turned_at timestamptz,
    ADD COLUMN retired_at timestamptz;
"""

LEDGER = """
CREATE TABLE stateward_shred (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    key_id uuid NOT NULL,
    version integer,                          -- NULL: every version
    namespace_id uuid NOT NULL,
    subject bytea,
    statement bytea NOT NULL,                 -- canonical JSON, as it is signed
    signature bytea NOT NULL,                 -- Ed25519
    signer bytea NOT NULL,                    -- its public key
    PRIMARY KEY (tenant_id, id)
);
"""

UNDO = """
DROP TABLE stateward_shred;
"""


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_keys")]

    operations = [
        migrations.RunSQL(COLUMNS, migrations.RunSQL.noop),
        migrations.RunSQL(
            LEDGER + protect("stateward_shred") + append_only("stateward_shred"), UNDO
        ),
        migrations.RunSQL(install(), DROP),
    ]
