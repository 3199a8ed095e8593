"""The case of the check about copies of the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from governance.sinks.models import Sink
from stateward.kernel.clock import now
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.compliance.case_book import Expected, case, fails, passes


@case("C21")
def checkpoints_delivered(tenant: Tenant) -> Iterator[Expected]:
    yield fails(tenant.slug)
    with tenant_scope(tenant.id):
        sink = Sink.objects.create(tenant_id=tenant.id, name="siem", kind="webhook")
        Sink.objects.create(
            tenant_id=tenant.id, name="here", kind="file", checkpoint_at=now()
        )  # on this machine: no outside place
    yield fails(sink.id)
    with tenant_scope(tenant.id):
        Sink.objects.filter(id=sink.id).update(checkpoint_at=now(), checkpoint_size=7)
    yield passes()
    with tenant_scope(tenant.id):
        Sink.objects.filter(id=sink.id).update(checkpoint_at=now() - timedelta(hours=25))
    yield fails(sink.id)
