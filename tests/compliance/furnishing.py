"""A tenant whose compliance has something on every page: two scans, an owner, an accepted risk."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.compliance.models import Finding
from governance.compliance.services import Acceptance, accept_risk, change_finding
from stateward.kernel.clock import now
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import seal
from tests.console.console_world import CALL, World, make_world


@cache
def furnished() -> tuple[World, dict[str, Any]]:
    """Made once: the world, and the ids that addresses need."""
    world = make_world()
    booker = world.agent("booker", team="desk", risk_class="high", purpose="Books flights")
    world.agent("rebooker", role="reader")
    world.key_of(booker, label="first")
    world.namespace("airline.bookings")
    world.namespace("airline.payments", classification="restricted")
    for number in range(5):
        world.put("airline.bookings", f"T{number}", {"n": number}, by=booker)
    world.put("airline.payments", "PM-1", {"card": "4111"})
    world.member("editor", name="Vera Viewer")
    seal(Path(settings.HOME) / "seals")
    for _ in range(2):
        run_here("compliance.scan", tenant_id=world.tenant.id)
    owner = world.owner
    work = finding_of(world, "C01", str(owner.id))
    due = (now() + timedelta(days=14)).date()
    change_finding(owner, CALL(), work.id, status="in_progress", owner_id=owner.id, due_on=due)
    accepted = finding_of(world, "C08", str(owner.id))
    reason = "The tenant has one owner yet; a second joins in March."
    risk = accept_risk(owner, CALL(), accepted.id, Acceptance(reason, now() + timedelta(days=60)))
    return world, {"finding": work.id, "accepted": accepted.id, "exception": risk.id}


def finding_of(world: World, check_id: str, item_id: str) -> Finding:
    with tenant_scope(world.tenant.id):
        return Finding.objects.get(tenant_id=world.tenant.id, check_id=check_id, item_id=item_id)
