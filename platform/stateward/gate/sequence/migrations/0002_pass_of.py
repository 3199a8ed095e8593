"""Finding the pass that numbered a transaction."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION stateward_pass_of(p_xid xid8) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
-- The first pass that saw the transaction, NULL while none has. What one pass sees, all later ones see: so halves suffice.
DECLARE
    low bigint;
    high bigint;
    middle bigint;
    seen boolean;
BEGIN
    SELECT min(number), max(number) INTO low, high FROM stateward_pass;
    SELECT pg_visible_in_snapshot(p_xid, snapshot) INTO seen FROM stateward_pass WHERE number = high;
    IF seen IS NOT TRUE THEN
        RETURN NULL;
    END IF;
    WHILE low < high LOOP
        middle := (low + high) / 2;
        SELECT pg_visible_in_snapshot(p_xid, snapshot) INTO seen FROM stateward_pass WHERE number = middle;
        IF seen THEN high := middle; ELSE low := middle + 1; END IF;
    END LOOP;
    RETURN low;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("sequence", "0001_passes")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION stateward_pass_of(xid8);")]
