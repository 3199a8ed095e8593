"""What every act about compliance does besides the act itself: be decided, and be recorded.

Inside the caller's transaction, in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.policy import permits
from stateward.gate.policy.permits import whole_tenant
from stateward.gate.policy.requests import Decision
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow


def scanner(tenant_id: UUID, tenant_slug: str) -> Actor:
    """The actor of a scan nobody asked for, and of what any scan itself finds."""
    return Actor(
        "system", PLATFORM, "compliance scan", tenant_id, tenant_slug, (), auth_method="system"
    )


def permit(actor: Actor, call: Call, action: str) -> Decision | None:
    """The decision that allows it; else Denied (403). Commands and jobs are not decided about."""
    if actor.type == "system":
        return None
    return permits.permit(actor, call, action, whole_tenant(actor))


def record(
    actor: Actor,
    call: Call,
    event: str,
    decision: Decision | None,
    details: Mapping[str, Any],
    *,
    action: str = "compliance.manage",
    personal: Mapping[str, str] | None = None,
) -> UUID:
    """Append the record of what was done, decided about or not; its id."""
    record_id = uuid7()
    about, said = whole_tenant(actor), {"event": event, **details}
    if decision is not None:
        permits.record(call, decision, action, about, said, personal=personal, record_id=record_id)
        return record_id
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type=about.type,
        resource_id=about.id,
        personal=personal,
        extra=said,
        record_id=record_id,
    )
    run_flow(append(draft))
    return record_id


def own_call() -> Call:
    return Call(request_id=str(uuid7()))
