"""Groups of members, and grants: guardian's direct-key tables, one for each kind of object and principal, as one view.

References carry the tenant, so that another tenant's id fails as one that nobody has, and what a grant is about or given to
takes the grant along. The gate reads two functions: the grants in force, and who is in which group.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import stateward.kernel.ids
from stateward.tenancy.rows import APP, protect

OBJECTS = {
    "tenant": "tenancy.tenant",
    "namespace": "state.namespace",
    "branch": "grants.branch",
    "agent": "tenancy.agent",
    "policy": "policy.policy",
}
TABLES = [
    (place, to)
    for place in OBJECTS
    for to in ("member", "group", "agent")
    if to != "agent" or place in {"tenant", "namespace", "branch"}
]
# The columns of guardian's row that name the principal, and what they refer to.
PRINCIPALS = {
    "member": ("member_id, user_id", "stateward_member (tenant_id, id, person_id)"),
    "group": ("group_id", "stateward_group (tenant_id, id)"),
    "agent": ("agent_id", "stateward_agent (tenant_id, id)"),
}


def key():
    return models.UUIDField(
        default=stateward.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def tenant():
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant"
    )


def within_tenant(to, related_name="+"):
    return models.ForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to=to,
    )


def principal(kind):
    if kind == "member":
        user = models.ForeignKey(
            on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
        )
        return [("user", user), ("member", within_tenant("tenancy.member"))]
    return [(kind, within_tenant("grants.group" if kind == "group" else "tenancy.agent"))]


def grant_table(place, to):
    return migrations.CreateModel(
        name=f"{place.title()}To{to.title()}",
        fields=[
            ("id", key()),
            ("grant_id", models.UUIDField()),
            ("restricted", models.BooleanField(default=False)),
            ("ends_at", models.DateTimeField(null=True)),
            ("reason", models.CharField(max_length=500)),
            ("giver_type", models.CharField(max_length=16)),
            ("giver_id", models.UUIDField()),
            ("giver_name", models.CharField(max_length=200)),
            ("created_at", models.DateTimeField(db_default=Now())),
            ("tenant", tenant()),
            (
                "permission",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, to="auth.permission"
                ),
            ),
            ("content_object", within_tenant(OBJECTS[place])),
            *principal(to),
        ],
        options={"db_table": f"stateward_grant_{place}_{to}"},
    )


SAME_TENANT = """
ALTER TABLE stateward_member ADD CONSTRAINT member_with_person UNIQUE (tenant_id, id, person_id);
ALTER TABLE stateward_namespace ADD CONSTRAINT namespace_of_tenant_for_grants UNIQUE (tenant_id, id);
ALTER TABLE stateward_policy ADD CONSTRAINT policy_of_tenant_for_grants UNIQUE (tenant_id, id);
ALTER TABLE stateward_branch ADD CONSTRAINT branch_of_tenant UNIQUE (tenant_id, id);
ALTER TABLE stateward_group ADD CONSTRAINT group_of_tenant UNIQUE (tenant_id, id);
ALTER TABLE stateward_group_member
    ADD CONSTRAINT group_member_group FOREIGN KEY (tenant_id, group_id)
        REFERENCES stateward_group (tenant_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT group_member_member FOREIGN KEY (tenant_id, member_id)
        REFERENCES stateward_member (tenant_id, id) ON DELETE CASCADE;
"""


def constraints(place, to):
    table = f"stateward_grant_{place}_{to}"
    columns, target = PRINCIPALS[to]
    about = (
        "CHECK (content_object_id = tenant_id)"
        if place == "tenant"
        else f"FOREIGN KEY (tenant_id, content_object_id) REFERENCES stateward_{place} (tenant_id, id) ON DELETE CASCADE"
    )
    return f"""
ALTER TABLE {table}
    ADD CONSTRAINT grant_{place}_{to}_once UNIQUE (tenant_id, grant_id, permission_id),
    ADD CONSTRAINT grant_{place}_{to}_to FOREIGN KEY (tenant_id, {columns}) REFERENCES {target} ON DELETE CASCADE,
    ADD CONSTRAINT grant_{place}_{to}_about {about};
"""


# How decisions name the object, and what it is called by people; a deleted namespace has no grants any more.
NAMED = {
    "tenant": ("o.slug::text", "o.name::text", "o.id = g.tenant_id"),
    "namespace": (
        "o.name::text",
        "o.name::text",
        "o.tenant_id = g.tenant_id AND o.id = g.content_object_id AND o.deleted_at IS NULL",
    ),
    **{
        place: (name, "o.name::text", "o.tenant_id = g.tenant_id AND o.id = g.content_object_id")
        for place, name in (
            ("branch", "o.name::text"),
            ("agent", "o.id::text"),
            ("policy", "o.id::text"),
        )
    },
}


def branch_of_view(place, to):
    object_id, object_name, joined = NAMED[place]
    return f"""
SELECT g.tenant_id, g.grant_id, '{to}'::text AS principal_type, g.{to}_id AS principal_id,
    '{"namespace" if place == "branch" else place}'::text AS object_type, {object_id} AS object_id,
    {object_name} AS object_name, {"true" if place == "branch" else "false"} AS is_branch, g.permission_id, g.restricted,
    g.ends_at, g.reason, g.giver_type, g.giver_id, g.giver_name, g.created_at
FROM stateward_grant_{place}_{to} g JOIN stateward_{place} o ON {joined}"""


# With the rights and the tenant of whoever asks, not of whoever made the view.
VIEWS = f"""
CREATE VIEW stateward_grant_row WITH (security_invoker = true) AS
{" UNION ALL ".join(branch_of_view(place, to) for place, to in TABLES)};

CREATE VIEW stateward_grant WITH (security_invoker = true) AS
SELECT r.grant_id AS id, r.tenant_id, r.principal_type, r.principal_id,
    coalesce(CASE r.principal_type
        WHEN 'agent' THEN (SELECT a.name::text FROM stateward_agent a WHERE a.tenant_id = r.tenant_id AND a.id = r.principal_id)
        WHEN 'group' THEN (SELECT s.name::text FROM stateward_group s WHERE s.tenant_id = r.tenant_id AND s.id = r.principal_id)
        ELSE (SELECT coalesce(nullif(p.name, ''), p.email)::text FROM stateward_member m
              JOIN stateward_person p ON p.id = m.person_id WHERE m.tenant_id = r.tenant_id AND m.id = r.principal_id)
        END, '') AS principal_name,
    r.object_type, r.object_id, r.object_name, r.is_branch,
    array_agg(w.codename ORDER BY w.codename) AS actions,
    bool_or(r.restricted) AS restricted, min(r.ends_at) AS ends_at,
    coalesce(min(r.ends_at) <= clock_timestamp(), false) AS has_ended,
    min(r.reason) AS reason, min(r.giver_type) AS giver_type, r.giver_id, min(r.giver_name) AS giver_name,
    min(r.created_at) AS created_at
FROM stateward_grant_row r JOIN auth_permission w ON w.id = r.permission_id
GROUP BY r.grant_id, r.tenant_id, r.principal_type, r.principal_id, r.object_type, r.object_id, r.object_name, r.is_branch,
    r.giver_id;

CREATE FUNCTION stateward_grants_in_force(p_tenant uuid) RETURNS TABLE (
    id uuid, principal_type text, principal_id uuid, object_type text, object_id text, actions text[], ends_at timestamptz,
    restricted boolean
) LANGUAGE sql STABLE AS $$
    SELECT r.grant_id, r.principal_type, r.principal_id, r.object_type, r.object_id, array_agg(w.codename::text),
        min(r.ends_at), bool_or(r.restricted)
    FROM stateward_grant_row r JOIN auth_permission w ON w.id = r.permission_id
    WHERE r.tenant_id = p_tenant AND (r.ends_at IS NULL OR r.ends_at > clock_timestamp())
    GROUP BY r.grant_id, r.principal_type, r.principal_id, r.object_type, r.object_id
$$;

CREATE FUNCTION stateward_groups_in_force(p_tenant uuid) RETURNS TABLE (member_id uuid, groups uuid[])
LANGUAGE sql STABLE AS $$
    SELECT member_id, array_agg(group_id ORDER BY group_id) FROM stateward_group_member
    WHERE tenant_id = p_tenant GROUP BY member_id
$$;
GRANT EXECUTE ON FUNCTION stateward_grants_in_force(uuid), stateward_groups_in_force(uuid) TO {APP};
"""
UNDO_VIEWS = """
DROP FUNCTION stateward_grants_in_force(uuid), stateward_groups_in_force(uuid);
DROP VIEW stateward_grant, stateward_grant_row;
"""
# Guardian's own tables know no tenant, and nothing is ever kept there; Django looks into them when it deletes a person.
SHUT = f"REVOKE INSERT, UPDATE ON guardian_userobjectpermission, guardian_groupobjectpermission FROM {APP};"


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("policy", "0001_policies"),
        ("state", "0001_namespaces"),
        ("tenancy", "0004_same_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Group",
            fields=[
                ("id", key()),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("tenant", tenant()),
            ],
            options={
                "db_table": "stateward_group",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "name"), name="group_name_once_per_tenant"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupMember",
            fields=[
                ("id", key()),
                ("added_by", models.CharField(max_length=200)),
                ("added_at", models.DateTimeField(db_default=Now())),
                ("group", within_tenant("grants.group", "members")),
                ("member", within_tenant("tenancy.member")),
                ("tenant", tenant()),
            ],
            options={
                "db_table": "stateward_group_member",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "group", "member"), name="group_member_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Branch",
            fields=[
                ("id", key()),
                ("name", models.CharField(max_length=640)),
                ("tenant", tenant()),
            ],
            options={
                "db_table": "stateward_branch",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "name"), name="branch_name_once_per_tenant"
                    )
                ],
            },
        ),
        *(grant_table(place, to) for place, to in TABLES),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("principal_type", models.CharField(max_length=16)),
                ("principal_id", models.UUIDField()),
                ("principal_name", models.CharField(max_length=200)),
                ("object_type", models.CharField(max_length=16)),
                ("object_id", models.CharField(max_length=640)),
                ("object_name", models.CharField(max_length=640)),
                ("is_branch", models.BooleanField()),
                (
                    "actions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), size=None
                    ),
                ),
                ("restricted", models.BooleanField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("has_ended", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
                ("giver_type", models.CharField(max_length=16)),
                ("giver_id", models.UUIDField()),
                ("giver_name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
            ],
            options={"db_table": "stateward_grant", "managed": False},
        ),
        migrations.RunSQL(
            SAME_TENANT
            + "".join(constraints(place, to) for place, to in TABLES)
            + "".join(
                protect(table)
                for table in (
                    "stateward_group",
                    "stateward_group_member",
                    "stateward_branch",
                    *(f"stateward_grant_{place}_{to}" for place, to in TABLES),
                )
            ),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(VIEWS + SHUT, UNDO_VIEWS),
    ]
