"""What each namespace's use comes to, day by day, and its remarkable keys: filled by a job, read by a page."""

from django.db import migrations

from stateward.tenancy.rows import protect

TABLES = """
CREATE TABLE stateward_namespace_day (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    day date NOT NULL,                    -- UTC
    writes bigint NOT NULL,               -- revisions, deletions too
    removals bigint NOT NULL,             -- of those: delete, expire, purge
    keys_written bigint NOT NULL,
    value_bytes bigint NOT NULL,          -- of the values written
    stored_bytes bigint NOT NULL,         -- sealed in entry and revision, and their audit records
    reads bigint NOT NULL,
    conflicts bigint NOT NULL,            -- tries of a write that another was quicker than
    PRIMARY KEY (tenant_id, namespace_id, day)
);
CREATE TABLE stateward_namespace_key (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('hot', 'large', 'dead')),
    rank integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    number bigint NOT NULL,               -- writes in seven days, bytes, bytes
    PRIMARY KEY (tenant_id, namespace_id, kind, rank)
);
CREATE TABLE stateward_namespace_standing (
    tenant_id uuid NOT NULL,
    namespace_id uuid NOT NULL,
    at timestamptz NOT NULL,
    dead_after_days integer NOT NULL,
    dead_keys bigint NOT NULL,
    dead_bytes bigint NOT NULL,
    seconds double precision NOT NULL,    -- that the tenant's analysis took
    PRIMARY KEY (tenant_id, namespace_id)
);
"""
NAMES = ("stateward_namespace_day", "stateward_namespace_key", "stateward_namespace_standing")


class Migration(migrations.Migration):
    dependencies = [("metrics", "0001_tallies"), ("state", "0014_bounds")]

    operations = [
        migrations.RunSQL(
            TABLES + "".join(protect(name) for name in NAMES), f"DROP TABLE {', '.join(NAMES)};"
        )
    ]
