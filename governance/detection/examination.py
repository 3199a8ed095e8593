"""What ``manage.py doctor`` says of detection: whether rules are evaluated, and what they found of
the installation itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from governance.detection.heartbeat import Beat, heartbeats
from governance.detection.models import Alert
from stateward.operations.doctor.findings import Finding, error, ok, warning
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import tenant_scope

CHECK = "detection"
WORKS = "See that worker and beat run; each look is a run of the job evaluate_detection."
JUST_MADE = timedelta(minutes=2)  # a tenant that no look has met yet


def detection() -> Iterator[Finding]:
    """The platform's rules and each tenant's."""
    beats: list[Beat] = []
    late: list[Beat] = []
    places = 0
    for tenant_id, made in [(PLATFORM, None), *Tenant.objects.values_list("id", "created_at")]:
        with tenant_scope(tenant_id):
            here = heartbeats(tenant_id)
        beats += here
        if made is not None and here and here[0].now - made < JUST_MADE:
            continue
        is_late = [one for one in here if one.is_late]
        late += is_late
        places += bool(is_late)
    if not late:
        yield ok(CHECK, f"{len(beats):,} rules of all tenants were evaluated in time.")
    else:
        names = ", ".join(sorted({one.rule.rule.name for one in late})[:3])
        says = f"{len(late):,} rules in {places:,} places are not evaluated in time: {names}…"
        level = error if len(late) == len(beats) else warning
        yield level(CHECK, says, WORKS)
    yield from _platform_alerts()


def _platform_alerts() -> Iterator[Finding]:
    with tenant_scope(PLATFORM):
        open_ones = Alert.objects.filter(tenant_id=PLATFORM, state=Alert.State.OPEN)
        found = list(open_ones.order_by("-last_at")[:5])
    for one in found:
        yield warning("alerts", one.said, "Look at the proxy's log for that address.")
