"""A transaction's idempotency key keeps the version of each operation, or which operation failed. Functions: checks, and a
precondition of our own told apart from one that the caller demanded.
"""

from django.db import migrations

from stateward.state.sql import install

COLUMNS = """
ALTER TABLE stateward_idempotency
    ADD COLUMN versions bigint[],      -- of a transaction: one for each operation
    ADD COLUMN operation integer;      -- the one whose precondition failed
"""
DROP = "ALTER TABLE stateward_idempotency DROP COLUMN versions, DROP COLUMN operation;"


class Migration(migrations.Migration):
    dependencies = [("state", "0006_leases")]

    operations = [migrations.RunSQL(COLUMNS + install(), DROP)]
