"""What the figures are drawn from: audit records counted by minute, hour and day, measurements by day, and how much
each namespace and agent stores.

A tally row says how many records of one kind fell into one step of time, along one dimension: ``all`` (by action,
outcome and classification), ``actor``, ``namespace``, ``policy`` (of denials). They are counted once each, by a job,
from the records that became visible since its last snapshot: the write itself touches none of this.
"""

from django.db import migrations

from stateward.tenancy.rows import protect

TALLY = """
CREATE TABLE stateward_tally_{step} (
    tenant_id uuid NOT NULL,
    dimension text NOT NULL,
    at timestamptz NOT NULL,
    value text COLLATE "C" NOT NULL,      -- an id or a name, by the dimension; '' for all
    action text COLLATE "C" NOT NULL,     -- '' where the dimension does not tell actions apart
    outcome text COLLATE "C" NOT NULL,
    classification text COLLATE "C" NOT NULL,
    label text NOT NULL,                  -- what the value was called last
    count bigint NOT NULL,
    PRIMARY KEY (tenant_id, dimension, at, value, action, outcome, classification)
);
"""

STATE = """
CREATE TABLE stateward_tally_state (
    tenant_id uuid PRIMARY KEY,
    snapshot pg_snapshot NOT NULL DEFAULT '1:1:',      -- what is visible in it is counted
    floor timestamptz NOT NULL DEFAULT '-infinity',    -- no record that is not yet counted is older
    counted_at timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE TABLE stateward_metric_day (
    tenant_id uuid NOT NULL,
    day timestamptz NOT NULL,
    series text NOT NULL,
    label text NOT NULL DEFAULT '',
    count bigint NOT NULL,
    seconds double precision NOT NULL,
    histogram bigint[] NOT NULL,
    PRIMARY KEY (tenant_id, day, series, label)
);
CREATE TABLE stateward_storage_day (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    dimension text NOT NULL CHECK (dimension IN ('tenant', 'namespace', 'agent')),
    subject uuid NOT NULL,                -- the namespace's or the writer's id; the tenant's own
    label text NOT NULL,
    entries bigint NOT NULL,              -- that live
    bytes bigint NOT NULL,                -- of their values, as written
    revisions bigint NOT NULL,            -- that are kept
    revision_bytes bigint NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seconds double precision NOT NULL,    -- how long measuring the tenant took
    PRIMARY KEY (tenant_id, dimension, subject, day)
);
CREATE INDEX stateward_storage_day_by_day ON stateward_storage_day (tenant_id, dimension, day);
"""

STEPS = ("minute", "hour", "day")
TABLES = (
    *(f"stateward_tally_{step}" for step in STEPS),
    "stateward_tally_state",
    "stateward_metric_day",
    "stateward_storage_day",
)


class Migration(migrations.Migration):
    initial = True
    dependencies = [("operations", "0001_jobs_and_metrics"), ("tenancy", "0002_walls")]

    operations = [
        migrations.RunSQL(
            "".join(TALLY.format(step=step) for step in STEPS) + STATE,
            f"DROP TABLE {', '.join(TABLES)};",
        ),
        migrations.RunSQL("".join(protect(table) for table in TABLES), migrations.RunSQL.noop),
    ]
