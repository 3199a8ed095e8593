"""What every act of the control plane does besides the act itself: be decided, and be recorded.

Inside the caller's transaction, in the tenant's scope, on Django's connection. The data plane asks
by flow instead (``state.judging``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.decide import decide, refusal
from stateward.gate.policy.exceptions import NotDelegated
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow


def whole_tenant(actor: Actor) -> Resource:
    """What an act touches that is about no object in particular."""
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def permit(
    actor: Actor,
    call: Call,
    action: str,
    resource: Resource,
    *,
    hide: bool = False,
    known_by: str | None = None,
    roles: list[str] | None = None,
) -> Decision:
    """The decision that allows it; else Denied (403), or NotFound with ``hide``, or for whoever may
    not even do ``known_by``.

    Whoever is acted for must be allowed as well, and must know of it. ``roles`` are those being
    given. The error carries the action and the resource, for the record that is written of it where
    the request ends: this transaction is undone.
    """
    policies = run_flow(current_policies(actor.tenant_id))
    said = call_context(call)
    context = said | {"roles": roles} if roles is not None else said
    try:
        delegator = run_flow(load_delegator(actor, call))
    except NotDelegated as refused:
        refused.action, refused.resource = action, resource  # type: ignore[attr-defined]  # as below
        raise
    decision = decide(policies, actor, action, resource, context, delegator=delegator)
    if decision.allowed:
        return decision
    if known_by is not None:
        hide = not decide(policies, actor, known_by, resource, said, delegator=delegator).allowed
    error = refusal(decision, hide=hide)
    error.action, error.resource = action, resource  # type: ignore[union-attr]  # for its record
    raise error


def record(
    call: Call,
    decision: Decision,
    action: str,
    about: Resource | tuple[str, str],
    details: Mapping[str, Any],
    *,
    approvals: Sequence[str] = (),
    personal: Mapping[str, str] | None = None,
    record_id: UUID | None = None,
) -> None:
    """Append the record of what was done under ``decision``; ``about``: type and id."""
    kind, subject = (about.type, about.id) if isinstance(about, Resource) else about
    actor = decision.actor
    run_flow(record_snapshots(actor.tenant_id, decision))
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type=kind,
        resource_id=subject,
        reason=decision.reason,
        decision=decision.facts(),
        approvals=approvals,
        personal=personal,
        extra=details,
        record_id=record_id,
    )
    run_flow(append(draft))
