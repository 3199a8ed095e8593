"""Who may look at the audit, and that they did.

Inside the caller's transaction, in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stateward.gate.audit.reads import count_read
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Decision, Resource
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

CLASSIFICATION = "internal"


def audit_log(actor: Actor) -> Resource:
    return Resource("audit_log", actor.tenant_slug, {"name": actor.tenant_slug})


def permit_reading(actor: Actor, call: Call) -> Decision:
    """The decision that allows ``audit.read``, counted as reads are; else Denied (403)."""
    decision = permit(actor, call, "audit.read", audit_log(actor))
    run_flow(record_snapshots(actor.tenant_id, decision))
    count_read(actor, call, "audit.read", None, CLASSIFICATION, decision.facts())
    return decision


def permit_export(actor: Actor, call: Call) -> Decision:
    """The decision that allows ``audit.export``; ``record_export`` follows, before the answer."""
    return permit(actor, call, "audit.export", audit_log(actor))


def record_export(call: Call, decision: Decision, details: Mapping[str, Any]) -> None:
    """Put on record who took evidence out, and which."""
    record(call, decision, "audit.export", audit_log(decision.actor), details)
