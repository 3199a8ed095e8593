"""What every act about backups does besides the act itself: be decided, and be recorded.

Inside the caller's transaction, in the tenant's scope.
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
from stateward.operations.backups.models import Backup
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow


def permit(
    actor: Actor, call: Call, action: str, resource: Resource, *, hide: bool = False
) -> Decision:
    """The decision that allows it; else Denied (403), or with ``hide`` NotFound."""
    policies = run_flow(current_policies(actor.tenant_id))
    try:
        return require(policies, actor, action, resource, call_context(call), hide=hide)
    except StatewardError as error:
        # For whoever records the denial, after this transaction is undone.
        error.action, error.resource = action, resource  # type: ignore[attr-defined]
        raise


def record(
    call: Call, action: str, resource: Resource, decision: Decision, details: Mapping[str, Any]
) -> None:
    """Append the record of what was asked for under ``decision``."""
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


def note(tenant_id: UUID, action: str, resource: Resource, details: Mapping[str, Any]) -> None:
    """Append the record of what a job did, in the transaction that says so elsewhere too."""
    actor = Actor("system", PLATFORM, "backups", tenant_id, "", (), auth_method="system")
    draft = compose(
        actor=actor,
        call=Call(request_id=str(uuid7())),
        action=action,
        resource_type=resource.type,
        resource_id=resource.id,
        extra=details,
    )
    run_flow(append(draft))


def all_backups(actor: Actor) -> Resource:
    """What acts on no backup in particular touch."""
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def resource_of(backup: Backup) -> Resource:
    return Resource("backup", str(backup.id), {"name": backup.name})
