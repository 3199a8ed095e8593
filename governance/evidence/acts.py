"""Who may look at the audit, and that they did.

Inside the caller's transaction, in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stateward.gate.audit.reads import count_read
from stateward.gate.audit.record import append, compose
from stateward.gate.policy.decide import require
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

CLASSIFICATION = "internal"


def audit_log(actor: Actor) -> Resource:
    return Resource("audit_log", actor.tenant_slug, {"name": actor.tenant_slug})


def permit_reading(actor: Actor, call: Call) -> Decision:
    """The decision that allows ``audit.read``, counted as reads are; else Denied (403)."""
    decision = _permit(actor, call, "audit.read")
    count_read(actor, call, "audit.read", None, CLASSIFICATION, decision.facts())
    return decision


def permit_export(actor: Actor, call: Call) -> Decision:
    """The decision that allows ``audit.export``; ``record_export`` follows, before the answer."""
    return _permit(actor, call, "audit.export")


def record_export(call: Call, decision: Decision, details: Mapping[str, Any]) -> None:
    """Put on record who took evidence out, and which."""
    draft = compose(
        actor=decision.actor,
        call=call,
        action="audit.export",
        resource_type="audit_log",
        resource_id=decision.actor.tenant_slug,
        reason=decision.reason,
        decision=decision.facts(),
        extra=details,
    )
    run_flow(append(draft))


def _permit(actor: Actor, call: Call, action: str) -> Decision:
    policies = run_flow(current_policies(actor.tenant_id))
    resource = audit_log(actor)
    try:
        decision = require(policies, actor, action, resource, call_context(call))
    except StatewardError as error:
        # For whoever records the denial, after this transaction is undone.
        error.action, error.resource = action, resource  # type: ignore[attr-defined]
        raise
    run_flow(record_snapshots(actor.tenant_id, decision))
    return decision
