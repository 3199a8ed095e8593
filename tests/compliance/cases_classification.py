"""Case of the check about what state holds."""

from __future__ import annotations

from collections.abc import Iterator

from stateward.operations.jobs.services import run_here
from stateward.state.models import Namespace
from stateward.state.services.entries import Put, put_entry
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import a_call
from tests.compliance.case_book import Expected, case, fails, insufficient, not_applicable, passes
from tests.compliance.cases_people import change, member_actor
from tests.factories.state import make_namespace
from tests.factories.tenants import make_member


@case("C32")
def nothing_kept_too_low(tenant: Tenant) -> Iterator[Expected]:
    owner = member_actor(make_member(tenant, "owner"))
    yield not_applicable()
    made = make_namespace(owner, "notes")
    yield insufficient()
    look_through(tenant)
    yield passes()
    with tenant_scope(tenant.id):
        run_flow(put_entry(owner, a_call(), "notes", "mia", Put({"email": "mia@example.org"})))
    look_through(tenant)
    yield fails("notes")
    change(Namespace.objects.filter(id=made.id), tenant, classification="confidential")
    look_through(tenant)
    yield passes()


def look_through(tenant: Tenant) -> None:
    run_here("classification.scan", tenant_id=tenant.id)
