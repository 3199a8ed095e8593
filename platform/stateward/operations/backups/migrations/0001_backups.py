"""What became of backups, drills and restores; and partitions for what is restored from long ago."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import APP, SEQUENCER, protect

PARTITIONS = f"""
CREATE FUNCTION stateward_add_months(parent text, months date[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Creates the monthly partitions of ``parent`` that these days fall in, as stateward_add_partitions does for months to come;
-- answers how many were new. A restored revision may be older than this installation.
DECLARE
    month date;
    child text;
    made integer := 0;
BEGIN
    IF parent !~ '^stateward_[a-z_]+$' OR cardinality(months) > 1200 THEN
        RAISE EXCEPTION 'not a table of ours, or too many months: %', parent;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('stateward partitions of ' || parent, 0));
    FOR month IN SELECT DISTINCT date_trunc('month', m)::date FROM unnest(months) m LOOP
        child := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                           month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
            EXECUTE format('REVOKE ALL ON %I FROM {APP}, {SEQUENCER}', child);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION stateward_add_months(text, date[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_add_months(text, date[]) TO {APP};
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0004_same_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Backup",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=stateward.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("run_id", models.UUIDField(null=True)),
                ("store", models.CharField(max_length=500)),
                ("name", models.CharField(max_length=200)),
                ("is_kept", models.BooleanField(default=False)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("taken_at", models.DateTimeField(null=True)),
                ("entries", models.BigIntegerField(default=0)),
                ("rows", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("key_id", models.CharField(blank=True, max_length=64)),
                ("format", models.PositiveSmallIntegerField(default=0)),
                ("tree_size", models.BigIntegerField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="backups",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_backup",
            },
        ),
        migrations.CreateModel(
            name="Drill",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=stateward.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("run_id", models.UUIDField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                        ],
                        default="running",
                        max_length=16,
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("restore_seconds", models.FloatField(null=True)),
                ("checks", models.JSONField(default=list)),
                ("error", models.CharField(blank=True, max_length=500)),
                (
                    "backup",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drills",
                        to="backups.backup",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drills",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_backup_drill",
            },
        ),
        migrations.CreateModel(
            name="Restore",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=stateward.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("run_id", models.UUIDField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done"), ("failed", "Failed")],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("archive", models.CharField(max_length=200)),
                ("target", models.CharField(max_length=63)),
                ("target_id", models.UUIDField(null=True)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("report", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, max_length=500)),
                (
                    "backup",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="restores",
                        to="backups.backup",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="restores",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "stateward_backup_restore",
            },
        ),
        migrations.AddIndex(
            model_name="backup",
            index=models.Index(fields=["tenant", "-started_at"], name="backup_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="drill",
            index=models.Index(fields=["tenant", "-started_at"], name="drill_of_tenant"),
        ),
        migrations.RunSQL(
            protect("stateward_backup")
            + protect("stateward_backup_drill")
            + protect("stateward_backup_restore"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(PARTITIONS, "DROP FUNCTION stateward_add_months(text, date[])"),
    ]
