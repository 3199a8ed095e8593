"""What breaks the checks about persons' requests."""

from __future__ import annotations

from collections.abc import Iterator

from governance.privacy.models import SubjectRequest
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.compliance.case_book import Expected, case, fails, insufficient, not_applicable, passes
from tests.compliance.cases_state import as_superuser, world_of
from tests.factories.privacy import MIA, Office
from tests.factories.retention import Keeper
from tests.factories.tenants import make_member

SEARCHED = "UPDATE stateward_subject_rescan SET at = at - interval '3 days' WHERE tenant_id = %s"
BACK = """
UPDATE stateward_revision SET value = 'x' WHERE tenant_id = %s AND key = 'mia' AND version = 1
"""


def office_of(tenant: Tenant) -> Office:
    world = world_of(tenant)
    member = make_member(tenant, "owner")
    owner = type(world.actor)(
        "member", member.id, "Ines Okafor", tenant.id, tenant.slug, ("owner",)
    )
    return Office(Keeper(world, member, owner))


def search(tenant: Tenant) -> None:
    run_here("privacy.rescan", tenant_id=tenant.id)


@case("C42")
def nothing_left(tenant: Tenant) -> Iterator[Expected]:
    office = office_of(tenant)
    office.declare()
    office.keeper.world.put("mia", {"email": MIA[1]})
    office.keeper.world.put("bob", {"email": "bob@example.com"})
    yield not_applicable()
    office.erase(office.ready())
    yield insufficient()
    search(tenant)
    yield passes()
    as_superuser(BACK, tenant.id)
    search(tenant)
    yield fails("revisions/")
    as_superuser(SEARCHED, tenant.id)
    yield insufficient()


@case("C43")
def answered_in_time(tenant: Tenant) -> Iterator[Expected]:
    office = office_of(tenant)
    yield not_applicable()
    request = office.ready("access")
    yield passes()
    late = "UPDATE stateward_subject_request SET due_at = now() - interval '2 days' WHERE id = %s"
    as_superuser(late, request.id)
    yield fails(request.id)
    with tenant_scope(tenant.id):
        SubjectRequest.objects.filter(id=request.id).update(state="withdrawn")
    yield not_applicable()
