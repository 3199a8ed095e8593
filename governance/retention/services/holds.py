"""Placing and releasing holds: decide, write, raise the epoch, record."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models.functions import Now

from governance.retention.acts import raise_epoch, resource_for
from governance.retention.approving import RELEASE, released
from governance.retention.exceptions import HoldReleased
from governance.retention.fitness import MAX_NAME, check_scope, check_text
from governance.retention.queries import hold_resource, holds_of, readable_hold
from governance.retention.terms import Scope
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import ask, use
from stateward.gate.policy.permits import permit, record
from stateward.kernel.errors import unfit
from stateward.state.models import Hold
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope


@dataclass(frozen=True, slots=True)
class Custodian:
    """Whose writing a hold keeps."""

    type: str  # agent or member
    id: UUID


def place_hold(
    actor: Actor,
    call: Call,
    *,
    matter: str,
    reason: str,
    namespace: str = "",
    key_pattern: str = "",
    custodian: Custodian | None = None,
) -> Hold:
    """Keep everything that the scope covers until somebody releases it. It holds at once: no delete
    whose statement starts after this commits escapes it, and a purge under way is waited for.
    """
    scope = Scope(namespace, key_pattern)
    with tenant_scope(actor.tenant_id):
        raise_epoch(actor)
        decision = permit(actor, call, "hold.place", resource_for(actor, scope))
        check_scope(scope)
        hold = Hold.objects.create(
            tenant_id=actor.tenant_id,
            matter=check_text("matter", matter, most=MAX_NAME, needed=True),
            reason=check_text("reason", reason, needed=True),
            namespace=namespace,
            key_pattern=key_pattern,
            custodian_type=custodian.type if custodian else "",
            custodian_id=custodian.id if custodian else None,
            custodian_name=_name_of(actor.tenant_id, custodian) if custodian else "",
            placed_by_type=actor.type,
            placed_by_id=actor.id,
            placed_by_name=actor.name,
        )
        details = {
            "event": "hold.placed",
            "matter": hold.matter,
            "reason": hold.reason,
            "namespace": namespace or None,
            "key_pattern": key_pattern or None,
            "custodian": f"{custodian.type}:{custodian.id}" if custodian else None,
        }
        record(call, decision, "hold.place", ("hold", str(hold.id)), details)
        return holds_of(actor.tenant_id).get(id=hold.id)


def ask_to_release(actor: Actor, call: Call, hold_id: UUID, *, reason: str) -> ApprovalRequest:
    """Ask others to agree that the hold is released; the release itself is then made again."""
    with tenant_scope(actor.tenant_id):
        hold = readable_hold(actor, call, hold_id)
        permit(actor, call, "hold.release", hold_resource(hold))
        reason = check_text("reason", reason, needed=True)
        if hold.released_at is not None:
            raise HoldReleased
        return ask(
            actor,
            call,
            RELEASE,
            subject=("hold", str(hold.id), hold.matter),
            content=released(hold),
            summary=f"Release the hold of {hold.matter}",
            reason=reason,
        )


def release_hold(actor: Actor, call: Call, hold_id: UUID, *, reason: str) -> Hold:
    """End a hold. What it kept is again subject to rules, times to live and deletions.

    ApprovalNeeded (409) as long as the others who must agree have not.
    """
    with tenant_scope(actor.tenant_id):
        raise_epoch(actor)
        hold = readable_hold(actor, call, hold_id)
        decision = permit(actor, call, "hold.release", hold_resource(hold))
        reason = check_text("reason", reason, needed=True)
        # The epoch's row is locked: nobody else releases it at the same time.
        if hold.released_at is not None:
            raise HoldReleased
        approvals = use(actor, call, RELEASE, subject_id=str(hold.id), content=released(hold))
        holds_of(actor.tenant_id).filter(id=hold.id).update(
            released_by_type=actor.type,
            released_by_id=actor.id,
            released_by_name=actor.name,
            released_at=Now(),
            release_reason=reason,
        )
        details = {"event": "hold.released", "matter": hold.matter, "reason": reason}
        record(call, decision, "hold.release", ("hold", str(hold.id)), details, approvals=approvals)
        return holds_of(actor.tenant_id).get(id=hold.id)


def _name_of(tenant_id: UUID, custodian: Custodian) -> str:
    if custodian.type == "agent":
        agent = Agent.objects.filter(tenant_id=tenant_id, id=custodian.id).first()
        if agent is not None:
            return agent.name
    elif custodian.type == "member":
        members = Member.objects.select_related("person").filter(tenant_id=tenant_id)
        member = members.filter(id=custodian.id).first()
        if member is not None:
            return str(member.person)
    else:
        raise unfit("custodian", "an agent or a member")
    raise unfit("custodian", "there is none of this id")
