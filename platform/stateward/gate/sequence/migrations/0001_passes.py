"""The order's tables: what writers draw, what one leased sequencer records.

Writers draw ``stateward_order`` under their row's lock. Order itself is given after commit: each pass is one snapshot,
and its rows are those visible in it and not in the one before, by ``seq`` within it. No row is touched for that.
"""

from django.db import migrations

from stateward.tenancy.rows import APP, SEQUENCER

TABLES = f"""
CREATE SEQUENCE stateward_order AS bigint CACHE 1;  -- a cache per session would swap two versions of one key

CREATE TABLE stateward_pass (
    number bigint PRIMARY KEY,
    snapshot pg_snapshot NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE stateward_lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token bigint NOT NULL,                -- rises with every change of holder: the fencing token
    expires_at timestamptz NOT NULL
);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON stateward_pass, stateward_lease FROM {APP};
GRANT SELECT, INSERT, DELETE ON stateward_pass TO {SEQUENCER};
GRANT SELECT, INSERT, UPDATE ON stateward_lease TO {SEQUENCER};
GRANT SELECT ON stateward_order TO {SEQUENCER};
"""

DROP = "DROP TABLE stateward_pass, stateward_lease; DROP SEQUENCE stateward_order;"


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_walls")]

    operations = [migrations.RunSQL(TABLES, DROP)]
