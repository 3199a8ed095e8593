"""Overrides: exceptions from a soft policy, asked for with a reason, agreed to by somebody else;
they end by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from governance.policies.acts import resource_of
from governance.policies.exceptions import NotSoft
from governance.policies.queries import readable_policy
from governance.policies.questions import PRINCIPAL_TYPES
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import ask
from stateward.gate.policy.models import Policy, PolicyOverride
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.principals import load_principal
from stateward.gate.policy.vocabulary import ACTION_NAMES
from stateward.kernel.errors import unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow, tenant_scope

LONGEST_HOURS = 72
RESOURCE_TYPES = ("namespace", "entry", "tenant", "policy", "agent", "member")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who may do what to what, against which policy, and for how long."""

    principal_type: str
    principal_id: str
    action: str
    resource_type: str
    resource_id: str
    hours: int


def ask_for_override(
    actor: Actor, call: Call, policy_id: UUID, wanted: Wanted, *, reason: str
) -> ApprovalRequest:
    """Ask others to agree to an exception. For oneself, or for whoever asks for somebody else with
    ``policy.explain``. 409 where the policy is not in force as a soft one.
    """
    with tenant_scope(actor.tenant_id):
        policy = readable_policy(actor, call, policy_id)
        if (wanted.principal_type, wanted.principal_id) != (actor.type, str(actor.id)):
            permit(actor, call, "policy.explain", resource_of(policy))
        if policy.active_version is None or policy.level != "soft":
            raise NotSoft
        name = _check(actor, wanted)
        if not reason.strip():
            raise unfit("reason", "say why, for those who agree")
        content: dict[str, Any] = {
            "policy": str(policy.id),
            "name": policy.name,
            "version": policy.active_version,
            "principal": f"{wanted.principal_type}:{wanted.principal_id}",
            "action": wanted.action,
            "resource": f"{wanted.resource_type}:{wanted.resource_id}",
            "hours": wanted.hours,
        }
        where = f"{wanted.action} on {wanted.resource_id}"
        return ask(
            actor,
            call,
            "policy.override",
            subject=("policy", str(policy.id), policy.name),
            content=content,
            summary=f"Except {name} from {policy.name}: {where}, {wanted.hours} h"[:500],
            reason=reason,
            at_least=1,
        )


def grant_override(request: ApprovalRequest, policy: Policy, actor: Actor, call: Call) -> None:
    """Carry out what was agreed to: the exception begins, and the epoch rises."""
    content = request.content
    bump(request.tenant_id, "policies")
    decision = permit(actor, call, "policy.approve", resource_of(policy))
    if (policy.active_version, policy.level) != (content["version"], "soft"):
        raise NotSoft
    principal_type, _, principal_id = content["principal"].partition(":")
    resource_type, _, resource_id = content["resource"].partition(":")
    votes = [str(one) for one in request.votes.order_by("id").values_list("id", flat=True)]
    made = PolicyOverride.objects.create(
        tenant_id=request.tenant_id,
        policy=policy,
        principal_type=principal_type,
        principal_id=principal_id,
        action=content["action"],
        resource_type=resource_type,
        resource_id=resource_id,
        reason=request.reason,
        approvals=votes,
        ends_at=Now() + timedelta(hours=content["hours"]),
    )
    details = {**content, "event": "policy.overridden", "override": str(made.id)}
    record(call, decision, "policy.approve", resource_of(policy), details, approvals=votes)


def overrides_of(policy: Policy) -> QuerySet[PolicyOverride, PolicyOverride]:
    return policy.overrides.filter(tenant_id=policy.tenant_id)


def _check(actor: Actor, wanted: Wanted) -> str:
    """The principal's name; 422 for what is not in the vocabulary."""
    if wanted.action not in ACTION_NAMES:
        raise unfit("action", "there is no such action")
    if wanted.resource_type not in RESOURCE_TYPES:
        raise unfit("resource/type", f"one of {', '.join(RESOURCE_TYPES)}")
    if wanted.principal_type not in PRINCIPAL_TYPES:
        raise unfit("principal/type", f"one of {', '.join(PRINCIPAL_TYPES)}")
    if not 1 <= wanted.hours <= LONGEST_HOURS:
        raise unfit("hours", f"1 to {LONGEST_HOURS}")
    found = run_flow(load_principal(actor.tenant_id, wanted.principal_type, wanted.principal_id))
    if found is None:
        raise unfit("principal/id", "there is none of this id")
    return found.name
