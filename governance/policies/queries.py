"""Reads of policies. Each is decided; a list shows exactly the policies that single reads would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from governance.policies.acts import resource_of
from stateward.gate.policy.decide import decide
from stateward.gate.policy.levels import Level
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.models import Policy, PolicyActivation, PolicyVersion
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import call_context
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow


def readable_policies(
    actor: Actor, call: Call, *, after: UUID | None, limit: int
) -> tuple[list[Policy], UUID | None]:
    """Up to ``limit`` policies the caller may read, oldest first, and the id to go on after."""
    book = run_flow(current_policies(actor.tenant_id))
    delegator = run_flow(load_delegator(actor, call))
    context = call_context(call)
    found: list[Policy] = []
    rows = Policy.objects.filter(tenant_id=actor.tenant_id).order_by("id")
    if after is not None:
        rows = rows.filter(id__gt=after)
    for policy in rows.iterator(chunk_size=limit + 1):
        decision = decide(
            book, actor, "policy.read", resource_of(policy), context, delegator=delegator
        )
        if not decision.allowed:
            continue
        if len(found) == limit:
            return found, found[-1].id
        found.append(policy)
    if not found and after is None:
        permit(actor, call, "policy.read", whole_tenant(actor))  # an empty list says nothing of why
    return found, None


def readable_policy(actor: Actor, call: Call, policy_id: UUID) -> Policy:
    """The policy; NotFound (404) also for one the caller may not read."""
    policy = Policy.objects.filter(tenant_id=actor.tenant_id, id=policy_id).first()
    if policy is None:
        raise NotFound
    permit(actor, call, "policy.read", resource_of(policy), hide=True)
    return policy


def versions_of(policy: Policy) -> QuerySet[PolicyVersion, PolicyVersion]:
    return policy.versions.filter(tenant_id=policy.tenant_id)


def activations_of(policy: Policy) -> QuerySet[PolicyActivation, PolicyActivation]:
    """When which version came into force, and through whom."""
    return policy.activations.filter(tenant_id=policy.tenant_id)


def text_of(policy: Policy, number: int) -> str:
    return versions_of(policy).get(number=number).text


@dataclass(frozen=True, slots=True)
class InForce:
    """What of a policy decided at a moment."""

    policy: Policy
    version: PolicyVersion
    level: Level
    since: datetime


def in_force_at(actor: Actor, call: Call, at: datetime) -> list[InForce]:
    """The policies that were in force at ``at``, by name, out of the history of activations; of
    those that the caller may read.
    """
    book = run_flow(current_policies(actor.tenant_id))
    delegator = run_flow(load_delegator(actor, call))
    context = call_context(call)
    rows = PolicyActivation.objects.filter(tenant_id=actor.tenant_id, at__lte=at)
    last = rows.order_by("policy_id", "-at", "-id").distinct("policy_id").select_related("policy")
    found = []
    for one in last:
        about = resource_of(one.policy)
        seen = decide(book, actor, "policy.read", about, context, delegator=delegator)
        if one.to_version is None or not seen.allowed:
            continue
        version = versions_of(one.policy).get(number=one.to_version)
        found.append(InForce(one.policy, version, one.to_level, one.at))
    if not found:
        permit(actor, call, "policy.read", whole_tenant(actor))
    return sorted(found, key=lambda one: one.policy.name)
