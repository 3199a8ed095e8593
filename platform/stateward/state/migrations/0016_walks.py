"""Functions: comparing two cuts passes by what was not touched since both."""

from django.db import migrations

from stateward.state.sql import install


class Migration(migrations.Migration):
    dependencies = [("state", "0015_branch_base")]

    operations = [migrations.RunSQL(install(), migrations.RunSQL.noop)]
