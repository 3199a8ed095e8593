"""What every act about alerts and rules does besides the act itself: be decided, and be recorded.

Inside the caller's transaction, in the tenant's scope. Nothing that is decided rests on alerts, so
no epoch rises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.decide import require
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow


def detector(tenant_id: UUID) -> Actor:
    """Who opens alerts."""
    return Actor(
        type="system",
        id=PLATFORM,
        name="detection",
        tenant_id=tenant_id,
        tenant_slug="",
        roles=(),
        auth_method="system",
    )


def detector_call() -> Call:
    return Call(request_id=str(uuid7()))


def permit(actor: Actor, call: Call, action: str) -> Decision:
    """The decision that allows it; else Denied (403)."""
    policies = run_flow(current_policies(actor.tenant_id))
    about = Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})
    try:
        return require(policies, actor, action, about, call_context(call))
    except StatewardError as error:
        error.action, error.resource = action, about  # type: ignore[attr-defined]
        raise


def record(
    call: Call,
    decision: Decision,
    event: str,
    *,
    kind: str,
    about: UUID | str,
    details: Mapping[str, Any],
) -> None:
    """Append the record of what was done under ``decision``."""
    actor = decision.actor
    run_flow(record_snapshots(actor.tenant_id, decision))
    draft = compose(
        actor=actor,
        call=call,
        action="alert.manage",
        resource_type=kind,
        resource_id=str(about),
        reason=decision.reason,
        decision=decision.facts(),
        extra={"event": event, **details},
    )
    run_flow(append(draft))


def record_opening(tenant_id: UUID, alert_id: UUID, details: Mapping[str, Any]) -> None:
    """Append the record of an alert that nobody but a rule opened."""
    draft = compose(
        actor=detector(tenant_id),
        call=detector_call(),
        action="alert.opened",
        resource_type="alert",
        resource_id=str(alert_id),
        extra={"event": "alert.opened", **details},
    )
    run_flow(append(draft))
