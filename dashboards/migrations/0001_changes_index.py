"""What changed in governance, found at once among however many writes of state.

The index has only the few records that are not about state; a write of state pays for no more than
looking at its own action.
"""

from django.db import migrations

INDEX = """
CREATE INDEX stateward_audit_record_changes ON stateward_audit_record (tenant_id, at, id)
    WHERE action NOT LIKE 'state.%'
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_records")]

    operations = [migrations.RunSQL(INDEX, "DROP INDEX stateward_audit_record_changes")]
