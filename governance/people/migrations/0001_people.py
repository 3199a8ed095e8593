"""A tenant's limits, invitations and closures, and the function that deletes a closed tenant."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stateward.kernel.ids
from stateward.tenancy.rows import APP, protect

PURGE = f"""
CREATE FUNCTION stateward_purge_tenant(doomed uuid, at_most integer) RETURNS bigint
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
REVOKE ALL ON FUNCTION stateward_purge_tenant(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_purge_tenant(uuid, integer) TO {APP};
"""


def tenant_link(name):
    return (
        "tenant",
        models.OneToOneField(
            on_delete=django.db.models.deletion.CASCADE,
            primary_key=True,
            related_name=name,
            serialize=False,
            to="tenancy.tenant",
        ),
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0004_same_tenant")]

    operations = [
        migrations.CreateModel(
            name="TenantLimits",
            fields=[
                tenant_link("limits"),
                ("most_credential_days", models.PositiveIntegerField(default=365)),
                ("invitation_days", models.PositiveIntegerField(default=7)),
                ("deletion_grace_days", models.PositiveIntegerField(default=30)),
            ],
            options={"db_table": "stateward_tenant_limits"},
        ),
        migrations.CreateModel(
            name="Invitation",
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
                ("email", models.EmailField(max_length=254)),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), size=None
                    ),
                ),
                ("secret_hash", models.BinaryField()),
                ("invited_by", models.CharField(max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={"db_table": "stateward_invitation"},
        ),
        migrations.CreateModel(
            name="Closure",
            fields=[
                tenant_link("closure"),
                ("reason", models.TextField(blank=True)),
                ("closed_by", models.UUIDField()),
                (
                    "closed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("delete_after", models.DateTimeField()),
                ("asked_by", models.UUIDField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("approved_by", models.UUIDField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "stateward_closure"},
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("accepted_at__isnull", True), ("withdrawn_at__isnull", True)),
                fields=("tenant", "email"),
                name="one_open_invitation",
            ),
        ),
        migrations.RunSQL(
            protect("stateward_tenant_limits")
            + protect("stateward_invitation")
            + protect("stateward_closure"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(PURGE, "DROP FUNCTION stateward_purge_tenant(uuid, integer)"),
    ]
