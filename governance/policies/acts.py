"""What every act about policies does besides the act itself: be decided, and be recorded.

Inside the caller's transaction, in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.decide import require
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.models import Policy
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow


def permit(
    actor: Actor, call: Call, action: str, resource: Resource, *, hide: bool = False
) -> Decision:
    """The decision that allows it; else Denied (403), or with ``hide`` NotFound.

    The error carries the action and the resource for the record that the web layer has written of
    it.
    """
    policies = run_flow(current_policies(actor.tenant_id))
    try:
        delegator = run_flow(load_delegator(actor, call))
        return require(
            policies, actor, action, resource, call_context(call), delegator=delegator, hide=hide
        )
    except StatewardError as error:
        error.action, error.resource = action, resource  # type: ignore[attr-defined]
        raise


def record(
    call: Call, action: str, resource: Resource, decision: Decision, details: Mapping[str, Any]
) -> None:
    """Append the record of what was done under ``decision``."""
    actor = decision.actor
    run_flow(record_snapshots(actor.tenant_id, decision))
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type=resource.type,
        resource_id=resource.id,
        reason=decision.reason,
        decision=decision.facts(),
        extra=details,
    )
    run_flow(append(draft))


def all_policies(actor: Actor) -> Resource:
    """What acts on no policy in particular touch."""
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def resource_of(policy: Policy) -> Resource:
    return Resource("policy", str(policy.id), {"name": policy.name})
