"""Row-level security: a session sees its own tenant's rows and no other's."""

import pytest
from django.db import ProgrammingError, connection

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Agent, Tenant
from stateward.tenancy.scope import tenant_scope

pytestmark = pytest.mark.usefixtures("database")


def make_tenant() -> Tenant:
    tenant = Tenant.objects.create(slug=f"t-{uuid7()}", name="T")
    with tenant_scope(tenant.id):
        Agent.objects.create(tenant=tenant, name="booker", roles=["builder"])
    return tenant


def test_a_session_without_tenant_sees_nothing() -> None:
    make_tenant()

    assert Agent.objects.count() == 0


def test_a_session_sees_its_own_tenant_only() -> None:
    ours, theirs = make_tenant(), make_tenant()

    with tenant_scope(ours.id):
        assert [agent.tenant_id for agent in Agent.objects.all()] == [ours.id]
        assert not Agent.objects.filter(tenant=theirs).exists()


def test_a_row_of_another_tenant_cannot_be_written() -> None:
    ours, theirs = make_tenant(), make_tenant()

    with pytest.raises(ProgrammingError, match="row-level security"), tenant_scope(ours.id):
        Agent.objects.create(tenant=theirs, name="intruder", roles=[])


def test_the_application_role_owns_nothing_and_bypasses_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)
