"""A branch's base may be the branch itself, as it was when it was merged last."""

from django.db import migrations

COLUMN = """
ALTER TABLE stateward_namespace_branch ADD COLUMN base_id uuid;
UPDATE stateward_namespace_branch SET base_id = parent_id;
ALTER TABLE stateward_namespace_branch ALTER COLUMN base_id SET NOT NULL;
"""
DROP = "ALTER TABLE stateward_namespace_branch DROP COLUMN base_id;"


class Migration(migrations.Migration):
    dependencies = [("state", "0014_bounds")]

    operations = [migrations.RunSQL(COLUMN, DROP)]
