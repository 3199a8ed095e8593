"""A tenant's changes are found by transaction, without those of other tenants; the functions that read them; and the end of
what has been kept long enough.
"""

from django.db import migrations

from stateward.feed.sql import DROP, install
from stateward.tenancy.rows import APP

# The sequencer finds what is new in the audit's records, by their index.
INDEX = """
DROP INDEX stateward_change_xid;
CREATE INDEX stateward_change_xid ON stateward_change (tenant_id, xid);
"""
INDEX_BACK = """
DROP INDEX stateward_change_xid;
CREATE INDEX stateward_change_xid ON stateward_change (xid);
"""

COMPACT = f"""
CREATE FUNCTION stateward_feed_floor(p_keep interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Ends the feed before the last pass older than that: what it and those before it numbered can no longer be asked for. The
-- row of the pass stays, because the next one begins with what was not yet visible in it. Answers its number.
DECLARE
    floor bigint;
BEGIN
    SELECT max(number) INTO floor FROM stateward_feed_pass WHERE at < clock_timestamp() - p_keep;
    DELETE FROM stateward_feed_pass WHERE number < floor;
    SELECT min(number) INTO floor FROM stateward_feed_pass;
    RETURN floor;
END $$;

CREATE FUNCTION stateward_feed_compact(p_tenant uuid, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Removes up to p_limit changes of the tenant that the feed's oldest pass and those before it numbered; answers how many.
DECLARE
    floor pg_snapshot;
    gone bigint;
BEGIN
    IF current_setting('stateward.tenant', true) IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'not in this tenant''s scope' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('stateward.purge', p_tenant::text, true);
    SELECT snapshot INTO floor FROM stateward_feed_pass ORDER BY number LIMIT 1;
    WITH due AS (
        SELECT c.tenant_id, c.at, c.id FROM stateward_change c
        WHERE c.tenant_id = p_tenant AND c.xid < pg_snapshot_xmax(floor) AND pg_visible_in_snapshot(c.xid, floor)
        ORDER BY c.xid LIMIT p_limit
    ), removed AS (
        DELETE FROM stateward_change c USING due d
        WHERE c.tenant_id = d.tenant_id AND c.at = d.at AND c.id = d.id RETURNING 1
    )
    SELECT count(*) INTO gone FROM removed;
    PERFORM set_config('stateward.purge', '', true);
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION stateward_feed_floor(interval), stateward_feed_compact(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_feed_floor(interval), stateward_feed_compact(uuid, integer) TO {APP};
"""
COMPACT_BACK = """
DROP FUNCTION stateward_feed_compact(uuid, integer);
DROP FUNCTION stateward_feed_floor(interval);
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0006_leases"), ("sequence", "0004_feed_passes")]

    operations = [
        migrations.RunSQL(INDEX, INDEX_BACK),
        migrations.RunSQL(install(), DROP),
        migrations.RunSQL(COMPACT, COMPACT_BACK),
    ]
