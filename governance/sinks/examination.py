"""What ``manage.py doctor`` says of sinks: whether the copies of the logs keep up."""

from __future__ import annotations

from collections.abc import Iterator

from governance.sinks.queries import standings
from stateward.operations.doctor.findings import Finding, ok, warning
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope

CHECK = "sinks"
LOOK = "Look at the page Sinks of that tenant: it says what the other side answered."
TROUBLED = frozenset({"late", "failing", "disabled"})


def sinks() -> Iterator[Finding]:
    """Of every tenant; the first that is in trouble is named."""
    count = 0
    troubled: list[str] = []
    for tenant_id, slug in Tenant.objects.order_by("id").values_list("id", "slug"):
        with tenant_scope(tenant_id):
            found = standings(tenant_id)
        count += len(found)
        troubled += [f"{one.sink.name} of {slug}" for one in found if one.condition in TROUBLED]
    if troubled:
        says = f"{len(troubled):,} of {count:,} sinks do not keep up: {troubled[0]}."
        yield warning(CHECK, says, LOOK)
    elif count:
        yield ok(CHECK, f"{count:,} sinks keep up.")
    else:
        yield ok(CHECK, "No tenant copies its log elsewhere.")
