"""What every change of people and agents does besides the change itself: be decided, raise the
epoch, be recorded.

All inside the caller's transaction, in the tenant's scope. ``system`` actors are commands run by
whoever holds the machine: they are not decided about, but recorded like everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stateward.gate.audit.denials import deny
from stateward.gate.audit.record import append, compose
from stateward.gate.policy import permits
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError, Unauthenticated
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


def system_actor(tenant: Tenant | None, name: str) -> Actor:
    """The actor of a command or a job: ``name`` says which."""
    return Actor(
        type="system",
        id=PLATFORM,
        name=name,
        tenant_id=tenant.id if tenant else PLATFORM,
        tenant_slug=tenant.slug if tenant else "",
        roles=(),
        auth_method="system",
    )


def system_call() -> Call:
    return Call(request_id=str(uuid7()))


def permit(
    actor: Actor,
    call: Call,
    action: str,
    resource: Resource,
    *,
    roles: list[str] | None = None,
    known_by: str | None = None,
) -> Decision | None:
    """As the gate's: Denied (403), or NotFound for who may not even do ``known_by``. Commands are
    not decided about.
    """
    if actor.type == "system":
        return None
    return permits.permit(actor, call, action, resource, roles=roles, known_by=known_by)


def judge(actor: Actor, call: Call) -> Callable[[str, Resource], bool]:
    """Whether the caller may, for lists: each row is decided as a single read of it would be."""
    policies = run_flow(current_policies(actor.tenant_id))
    delegator = run_flow(load_delegator(actor, call))
    said = call_context(call)

    def may(action: str, resource: Resource) -> bool:
        return decide(policies, actor, action, resource, said, delegator=delegator).allowed

    return may


def record(
    actor: Actor,
    call: Call,
    action: str,
    event: str,
    *,
    about: Resource,
    decision: Decision | None,
    personal: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Raise the tenant's epoch and append the record. ``action`` is what was decided, ``event``
    what then happened.
    """
    bump(actor.tenant_id, "principals")
    note(
        actor,
        call,
        action,
        event,
        about=about,
        decision=decision,
        personal=personal,
        details=details,
    )


def note(
    actor: Actor,
    call: Call,
    action: str,
    event: str,
    *,
    about: Resource,
    decision: Decision | None = None,
    outcome: str = "allow",
    reason: str | None = None,
    personal: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Append a record of something that no decision of others rests on."""
    if decision is not None:
        run_flow(record_snapshots(actor.tenant_id, decision))
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type=about.type,
        resource_id=about.id,
        outcome=outcome,
        reason=decision.reason if decision is not None else reason,
        decision=decision.facts() if decision is not None else None,
        personal=personal,
        extra={"event": event, **(details or {})},
    )
    run_flow(append(draft))


def record_denial(actor: Actor | None, call: Call, error: StatewardError) -> None:
    """Record a refusal of the control plane, in a transaction of its own: the one refused is
    undone.

    A wrong credential (401) goes to the platform's tree, one that has ended to its holder's
    tenant's, none at all nowhere. A refusal without a decision (CSRF, more than one holds) has its
    code for a reason.
    """
    actor = actor or getattr(error, "actor", None)
    if actor is None and error.code == Unauthenticated.code:
        return
    actor = actor or system_actor(None, "unknown")
    decision: Decision | None = getattr(error, "decision", None)
    # Where the denial arose its record was prepared, in words that name nothing personal.
    prepared: dict[str, Any] = getattr(error, "denial", None) or _prepared(actor, error, decision)
    with tenant_scope(actor.tenant_id):
        if decision is not None:
            run_flow(record_snapshots(actor.tenant_id, decision))
        run_flow(deny(actor=actor, call=call, **prepared))


def _prepared(actor: Actor, error: StatewardError, decision: Decision | None) -> dict[str, Any]:
    about = getattr(error, "resource", Resource("tenant", actor.tenant_slug or "platform"))
    return {
        "action": getattr(error, "action", "access"),
        "resource_type": about.type,
        "resource_id": about.id,
        "reason": decision.reason if decision is not None else error.code,
        "decision": decision.facts() if decision is not None else None,
    }
