"""How far a server has come: what consistency tokens name, and a row by which a standby tells how old it is.

A token of a write names the transaction, one of a read the place in the log; both begin with the timeline, in hexadecimal
digits, because after a failover the same numbers mean something else. Numbers that were drawn on a lost timeline must not be
taken for those of the one that goes on.
"""

from django.db import migrations

from stateward.tenancy.rows import APP

TABLES = f"""
CREATE TABLE stateward_heartbeat (
    id smallint PRIMARY KEY CHECK (id = 1),
    timeline text NOT NULL,              -- of the primary, as its log's files name it
    at timestamptz NOT NULL
);
INSERT INTO stateward_heartbeat VALUES (1, '', clock_timestamp());
REVOKE INSERT, DELETE, TRUNCATE ON stateward_heartbeat FROM {APP};

CREATE FUNCTION stateward_timeline() RETURNS text LANGUAGE sql AS $$
    SELECT ltrim(substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), '0')
$$;

-- Of the transaction that asks; whoever asks for it alone gets one that follows all that is committed.
CREATE FUNCTION stateward_token() RETURNS text LANGUAGE sql AS $$
    SELECT 'w' || stateward_timeline() || '-' || pg_current_xact_id()::text
$$;

-- Of all that is visible now: a commit's record is in the log before anyone sees what it did.
CREATE FUNCTION stateward_position() RETURNS text LANGUAGE sql AS $$
    SELECT 'r' || stateward_timeline() || '-' || (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text
$$;

-- Once in a while, however many ask for it.
CREATE FUNCTION stateward_beat() RETURNS void LANGUAGE sql AS $$
    UPDATE stateward_heartbeat SET timeline = stateward_timeline(), at = clock_timestamp()
    WHERE id = 1 AND (at < clock_timestamp() - interval '400 milliseconds' OR timeline <> stateward_timeline())
$$;
GRANT EXECUTE ON FUNCTION stateward_timeline, stateward_token, stateward_position, stateward_beat TO {APP};
"""

DROP = """
DROP FUNCTION stateward_beat, stateward_position, stateward_token, stateward_timeline;
DROP TABLE stateward_heartbeat;
"""


class Migration(migrations.Migration):
    dependencies = [("sequence", "0002_pass_of")]

    operations = [migrations.RunSQL(TABLES, DROP)]
