"""The feed's own passes: taken as soon as something is committed, kept as long as its changes are.

``salt`` tells histories apart: after a restore to an earlier time the numbers come again, with other rows behind them.
"""

from django.db import migrations

from stateward.tenancy.rows import APP, SEQUENCER

TABLE = f"""
CREATE TABLE stateward_feed_pass (
    number bigint PRIMARY KEY,
    salt integer NOT NULL DEFAULT (random() * 2147483647)::integer,
    snapshot pg_snapshot NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON stateward_feed_pass FROM {APP};
GRANT SELECT, INSERT ON stateward_feed_pass TO {SEQUENCER};
INSERT INTO stateward_feed_pass (number, snapshot) VALUES (0, '1:1:');  -- before the first: nothing is visible in it
"""

FUNCTION = """
CREATE FUNCTION stateward_feed_pass_of(p_xid xid8, p_low bigint, p_high bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
-- The first pass after p_low that saw the transaction; p_high is known to have seen it. What one sees, all later ones see.
DECLARE
    low bigint := p_low + 1;
    high bigint := p_high;
    middle bigint;
    seen boolean;
BEGIN
    WHILE low < high LOOP
        middle := (low + high) / 2;
        SELECT pg_visible_in_snapshot(p_xid, snapshot) INTO seen FROM stateward_feed_pass WHERE number = middle;
        IF seen THEN high := middle; ELSE low := middle + 1; END IF;
    END LOOP;
    RETURN low;
END $$;
"""
DROP = """
DROP FUNCTION stateward_feed_pass_of(xid8, bigint, bigint);
DROP TABLE stateward_feed_pass;
"""


class Migration(migrations.Migration):
    dependencies = [("sequence", "0003_positions")]

    operations = [migrations.RunSQL(TABLE + FUNCTION, DROP)]
