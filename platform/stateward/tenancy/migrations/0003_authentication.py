"""The functions authentication calls; each sets the tenant for its own transaction, so that it is one statement."""

from django.db import migrations

from stateward.tenancy.rows import APP

FIND = f"""
CREATE FUNCTION stateward_credential(wanted text) RETURNS TABLE (
    moment timestamptz, id uuid, secret_hash bytea, scopes text[], expires_at timestamptz, revoked_at timestamptz,
    tenant_id uuid, tenant_slug text, tenant_status text,
    agent_id uuid, agent_name text, agent_roles text[], framework text, team text, environment text, risk_class text,
    owner_id uuid, purpose text, agent_status text,
    member_id uuid, member_roles text[], member_is_active boolean,
    person_name text, person_email text, person_is_active boolean)
LANGUAGE plpgsql SECURITY INVOKER SET search_path = public, pg_temp AS $$
-- A credential with its holder, by key id. The key id is the only question that can be put before the tenant is known; the
-- index answers with the tenant alone, and all else is read under row-level security.
DECLARE
    found_tenant uuid;
BEGIN
    SELECT i.tenant_id INTO found_tenant FROM stateward_credential_index i WHERE i.key_id = wanted;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('stateward.tenant', found_tenant::text, true);
    RETURN QUERY
        SELECT clock_timestamp(), c.id, c.secret_hash, c.scopes::text[], c.expires_at, c.revoked_at,
               t.id, t.slug::text, t.status::text,
               a.id, a.name::text, a.roles::text[], a.framework::text, a.team::text, a.environment::text,
               a.risk_class::text, a.owner_id, a.purpose, a.status::text,
               m.id, m.roles::text[], m.is_active, p.name::text, p.email::text, p.is_active
        FROM stateward_credential c
        JOIN stateward_tenant t ON t.id = c.tenant_id
        LEFT JOIN stateward_agent a ON a.id = c.agent_id AND a.tenant_id = c.tenant_id
        LEFT JOIN stateward_member m ON m.id = c.member_id AND m.tenant_id = c.tenant_id
        LEFT JOIN stateward_person p ON p.id = m.person_id
        WHERE c.key_id = wanted AND c.tenant_id = found_tenant;
END $$;
REVOKE ALL ON FUNCTION stateward_credential(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_credential(text) TO {APP};
"""

TOUCH = f"""
CREATE FUNCTION stateward_touch_credentials(tenant uuid, ids uuid[], addresses text[]) RETURNS void
LANGUAGE plpgsql SECURITY INVOKER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('stateward.tenant', tenant::text, true);
    UPDATE stateward_credential c
    SET last_used_at = now(), last_used_address = coalesce(u.address::inet, c.last_used_address)
    FROM unnest(ids, addresses) AS u(id, address)
    WHERE c.tenant_id = tenant AND c.id = u.id
      AND (c.last_used_at IS NULL OR c.last_used_at < now() - interval '1 minute');
END $$;
REVOKE ALL ON FUNCTION stateward_touch_credentials(uuid, uuid[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stateward_touch_credentials(uuid, uuid[], text[]) TO {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_walls")]

    operations = [
        migrations.RunSQL(FIND, "DROP FUNCTION stateward_credential(text)"),
        migrations.RunSQL(TOUCH, "DROP FUNCTION stateward_touch_credentials(uuid, uuid[], text[])"),
    ]
