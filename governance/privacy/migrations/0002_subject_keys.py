"""By which hashes the database knows the person's own data keys, where a namespace keeps such."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("privacy", "0001_privacy")]

    operations = [
        migrations.AddField(
            model_name="subjectidentifier",
            name="key_hashes",
            field=django.contrib.postgres.fields.ArrayField(
                models.BinaryField(max_length=32), default=list
            ),
        )
    ]
