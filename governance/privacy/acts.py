"""What every act about subject requests does besides the act itself: be decided, be written into
the request's history, be recorded. Inside the caller's transaction, in the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from governance.privacy.models import SubjectEvent, SubjectRequest
from stateward.gate.audit.record import append, compose
from stateward.gate.policy import permits
from stateward.gate.policy.permits import whole_tenant
from stateward.gate.policy.requests import Decision
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow


def system(tenant_id: UUID, slug: str = "") -> Actor:
    """Who carries out what was asked for."""
    return Actor("system", PLATFORM, "privacy", tenant_id, slug, (), auth_method="system")


def own_call(run_id: UUID | None = None) -> Call:
    return Call(request_id=str(run_id or uuid7()))


def permit(actor: Actor, call: Call, action: str) -> Decision:
    return permits.permit(actor, call, action, whole_tenant(actor))


def note(
    actor: Actor,
    call: Call,
    request: SubjectRequest,
    event: str,
    *,
    decision: Decision | None = None,
    action: str = "subject.manage",
    text: str = "",
    details: Mapping[str, Any] | None = None,
    approvals: Sequence[str] = (),
) -> UUID:
    """Add a step to the request's history, and its audit record; the record's id."""
    SubjectEvent.objects.create(
        tenant_id=request.tenant_id,
        request=request,
        event=event,
        note=text,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name[:254],
    )
    said = {"event": f"subject.{event}", "kind": request.kind, "reference": request.reference}
    about = ("subject_request", str(request.id))
    return record(
        actor, call, action, about, said | dict(details or {}), decision=decision,
        approvals=approvals,
    )  # fmt: skip


def record(
    actor: Actor,
    call: Call,
    action: str,
    about: tuple[str, str],
    details: Mapping[str, Any],
    *,
    decision: Decision | None = None,
    approvals: Sequence[str] = (),
) -> UUID:
    """Append the record of what was done, decided about or by a job; its id."""
    record_id = uuid7()
    if decision is not None:
        permits.record(
            call, decision, action, about, details, approvals=approvals, record_id=record_id
        )
        return record_id
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type=about[0],
        resource_id=about[1],
        approvals=approvals,
        extra=details,
        record_id=record_id,
    )
    run_flow(append(draft))
    return record_id
