"""Finding rare records among many: by key or action as well, and denials without passing what was allowed."""

from django.db import migrations

# A Bloom filter for each 64 pages, made after they are full: a write pays next to nothing for it. The second index
# holds denials alone.
BETTER = """
DROP INDEX stateward_audit_record_seek;
CREATE INDEX stateward_audit_record_seek ON stateward_audit_record USING brin (
    id uuid_bloom_ops (n_distinct_per_range = 600),
    request_id text_bloom_ops (n_distinct_per_range = 600),
    (payload ->> 'key') text_bloom_ops (n_distinct_per_range = 600),
    run text_bloom_ops (n_distinct_per_range = 100),
    actor_id uuid_bloom_ops (n_distinct_per_range = 100),
    actor_name text_bloom_ops (n_distinct_per_range = 100),
    namespace_id uuid_bloom_ops (n_distinct_per_range = 100),
    action text_bloom_ops (n_distinct_per_range = 40)
) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX stateward_audit_record_denied ON stateward_audit_record (tenant_id, at, id)
    WHERE outcome <> 'allow';
"""
BEFORE = """
DROP INDEX stateward_audit_record_seek, stateward_audit_record_denied;
CREATE INDEX stateward_audit_record_seek ON stateward_audit_record USING brin (
    id uuid_bloom_ops (n_distinct_per_range = 600),
    request_id text_bloom_ops (n_distinct_per_range = 600),
    run text_bloom_ops (n_distinct_per_range = 100),
    actor_id uuid_bloom_ops (n_distinct_per_range = 100),
    namespace_id uuid_bloom_ops (n_distinct_per_range = 100)
) WITH (pages_per_range = 64, autosummarize = on);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_trees")]

    operations = [migrations.RunSQL(BETTER, BEFORE)]
