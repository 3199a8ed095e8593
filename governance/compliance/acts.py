"""What every act about compliance does besides the act itself: be decided, and be recorded.

Inside the caller's transaction, in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.decide import require
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError
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
    policies = run_flow(current_policies(actor.tenant_id))
    resource = whole_tenant(actor)
    try:
        delegator = run_flow(load_delegator(actor, call))
        return require(policies, actor, action, resource, call_context(call), delegator=delegator)
    except StatewardError as error:
        error.action, error.resource = action, resource  # type: ignore[attr-defined]  # for its record
        raise


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
    """Append the record of what was done; its id."""
    if decision is not None:
        run_flow(record_snapshots(actor.tenant_id, decision))
    record_id = uuid7()
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type="tenant",
        resource_id=actor.tenant_slug,
        reason=decision.reason if decision is not None else None,
        decision=decision.facts() if decision is not None else None,
        personal=personal,
        extra={"event": event, **details},
        record_id=record_id,
    )
    run_flow(append(draft))
    return record_id


def whole_tenant(actor: Actor) -> Resource:
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def own_call() -> Call:
    return Call(request_id=str(uuid7()))
