"""Batches of at most a few dozen records, each with the last sequence value in it: a record's place in the tree is found by
reading those leaves alone, however many records its pass had.
"""

from django.db import migrations

SMALL = """
DROP INDEX stateward_audit_batch_pass;
-- What was sealed before this stands as one batch a pass.
ALTER TABLE stateward_audit_batch ADD COLUMN until_seq bigint NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE stateward_audit_batch ALTER COLUMN until_seq DROP DEFAULT;
CREATE UNIQUE INDEX stateward_audit_batch_seq ON stateward_audit_batch (tenant_id, pass, until_seq);
"""
LARGE = """
ALTER TABLE stateward_audit_batch DROP COLUMN until_seq;
CREATE INDEX stateward_audit_batch_pass ON stateward_audit_batch (tenant_id, pass);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_entry_key")]

    operations = [migrations.RunSQL(SMALL, LARGE)]
