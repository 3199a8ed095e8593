"""Retention rules with their versions; and no tenant is deleted while one of its holds is in force."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import append_only, protect

# As in people/0001, and one condition more: the tenant has no hold in force.
GUARDED = """
CREATE OR REPLACE FUNCTION stateward_purge_tenant(doomed uuid, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Deletes rows of a tenant whose deletion two people asked for and whose grace is over, up to ``at_most`` of one table;
-- answers how many were deleted, 0 when nothing but the tenant itself was left, which then is gone too. It runs with the
-- owner's right, because the application may not delete from append-only tables; the owner in turn sees only the rows of the
-- tenant named here, for this transaction. Newer tables refer to older ones and are emptied first, each before the next;
-- partitions are emptied one by one, so that a batch stays a batch.
DECLARE
    leaf record;
    here bigint;
    gone bigint := 0;
BEGIN
    PERFORM set_config('stateward.purge', doomed::text, true);
    PERFORM 1 FROM stateward_closure c JOIN stateward_tenant t ON t.id = c.tenant_id
    WHERE c.tenant_id = doomed AND t.status = 'closed' AND c.approved_by <> c.asked_by AND c.delete_after <= now()
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this tenant is not to be deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM stateward_hold WHERE tenant_id = doomed AND released_at IS NULL) THEN
        RAISE EXCEPTION 'a hold keeps this tenant' USING ERRCODE = 'check_violation';
    END IF;
    FOR leaf IN
        SELECT c.oid::regclass AS name
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'tenant_id' AND NOT a.attisdropped
          AND c.oid <> 'stateward_closure'::regclass
        ORDER BY c.oid DESC
    LOOP
        EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE tenant_id = $1 LIMIT $2))',
                       leaf.name, leaf.name) USING doomed, at_most;
        GET DIAGNOSTICS here = ROW_COUNT;
        gone := gone + here;
        EXIT WHEN here = at_most;
    END LOOP;
    IF gone = 0 THEN
        DELETE FROM stateward_closure WHERE tenant_id = doomed;
        DELETE FROM stateward_tenant WHERE id = doomed;
    END IF;
    RETURN gone;
END $$;
"""

UUID_KEY = models.UUIDField(
    default=stateward.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
)


def tenant():
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant"
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("people", "0001_people"), ("state", "0004_holds")]

    operations = [
        migrations.CreateModel(
            name="RetentionRule",
            fields=[
                ("id", UUID_KEY),
                ("name", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=16)),
                ("latest_version", models.PositiveIntegerField(default=1)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_retention_rule"},
        ),
        migrations.CreateModel(
            name="RetentionVersion",
            fields=[
                ("id", UUID_KEY),
                ("number", models.PositiveIntegerField()),
                ("is_end", models.BooleanField(default=False)),
                ("namespace", models.CharField(blank=True, max_length=640)),
                ("key_pattern", models.CharField(blank=True, max_length=512)),
                ("classification", models.CharField(blank=True, max_length=16)),
                ("label", models.CharField(blank=True, max_length=320)),
                ("clock", models.CharField(default="created", max_length=16)),
                ("days", models.PositiveIntegerField(default=0)),
                ("erase_audit", models.BooleanField(default=False)),
                ("note", models.TextField(blank=True)),
                ("author_type", models.CharField(max_length=16)),
                ("author_id", models.UUIDField()),
                ("author_name", models.CharField(max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("takes_effect_at", models.DateTimeField()),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="retention.retentionrule",
                    ),
                ),
                ("tenant", tenant()),
            ],
            options={"db_table": "stateward_retention_version"},
        ),
        migrations.AddConstraint(
            model_name="retentionrule",
            constraint=models.UniqueConstraint(
                fields=("tenant", "name"), name="retention_rule_name_once_per_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="retentionversion",
            constraint=models.UniqueConstraint(
                fields=("tenant", "rule", "number"), name="retention_version_number_once"
            ),
        ),
        migrations.RunSQL(
            protect("stateward_retention_rule")
            + protect("stateward_retention_version")
            + append_only("stateward_retention_version"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(GUARDED, migrations.RunSQL.noop),
    ]
