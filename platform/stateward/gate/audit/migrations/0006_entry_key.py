"""An entry's key as a column of its own: row policies let an index be asked about a column, not about ``payload ->> 'key'``,
whose operator is not known to keep what it sees to itself. It is generated, so erasing the payload erases it.
"""

from django.db import migrations

BETTER = """
ALTER TABLE stateward_audit_record
    ADD COLUMN entry_key text COLLATE "C" GENERATED ALWAYS AS (payload ->> 'key') STORED;
DROP INDEX stateward_audit_record_seek;
CREATE INDEX stateward_audit_record_seek ON stateward_audit_record USING brin (
    id uuid_bloom_ops (n_distinct_per_range = 600),
    request_id text_bloom_ops (n_distinct_per_range = 600),
    entry_key text_bloom_ops (n_distinct_per_range = 600),
    run text_bloom_ops (n_distinct_per_range = 100),
    actor_id uuid_bloom_ops (n_distinct_per_range = 100),
    actor_name text_bloom_ops (n_distinct_per_range = 100),
    namespace_id uuid_bloom_ops (n_distinct_per_range = 100),
    action text_bloom_ops (n_distinct_per_range = 40)
) WITH (pages_per_range = 64, autosummarize = on);
"""
BEFORE = """
DROP INDEX stateward_audit_record_seek;
ALTER TABLE stateward_audit_record DROP COLUMN entry_key;
CREATE INDEX stateward_audit_record_seek ON stateward_audit_record USING brin (
    id uuid_bloom_ops (n_distinct_per_range = 600),
    request_id text_bloom_ops (n_distinct_per_range = 600)
) WITH (pages_per_range = 64, autosummarize = on);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_seek")]

    operations = [migrations.RunSQL(BETTER, BEFORE)]
