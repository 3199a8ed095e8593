"""A lease and the largest fencing token ever granted lie on the key's row; the row of a key that has a lease and never
had a value has version 0. From here on the functions live in ``state/sql``.
"""

from django.db import migrations

from stateward.state.sql import install

COLUMNS = """
ALTER TABLE stateward_entry
    ADD COLUMN lease_id uuid,
    ADD COLUMN lease_token bigint NOT NULL DEFAULT 0,   -- the largest ever granted for this key
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN lease_actor_type text,
    ADD COLUMN lease_actor_id uuid,
    ADD COLUMN lease_actor_name text;
"""
DROP = """
ALTER TABLE stateward_entry DROP COLUMN lease_id, DROP COLUMN lease_token, DROP COLUMN lease_until,
    DROP COLUMN lease_actor_type, DROP COLUMN lease_actor_id, DROP COLUMN lease_actor_name;
"""


class Migration(migrations.Migration):
    dependencies = [("state", "0005_found_by_key")]

    operations = [migrations.RunSQL(COLUMNS + install(), DROP)]
