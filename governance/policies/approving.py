"""What of policies others have to agree to: which version is in force and how firmly, exceptions
from soft ones, and a look afterwards at what was rolled back in an emergency.
"""

from __future__ import annotations

from typing import Any

from governance.policies.acts import resource_of
from governance.policies.overrides import grant_override
from stateward.gate.approvals.kinds import Compared, Kind, register
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.levels import Level
from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call

ACTIVATE = "policy.activate"
OVERRIDE = "policy.override"
REVIEW = "policy.review"


def activation_of(policy: Policy, version: PolicyVersion | None, level: Level) -> dict[str, Any]:
    """What is agreed to: this text at this level; no version: out of force."""
    return {
        "policy": str(policy.id),
        "name": policy.name,
        "version": version.number if version else None,
        "sha256": version.sha256 if version else None,
        "level": level if version else None,
    }


def _resource(request: ApprovalRequest) -> Resource:
    return resource_of(_policy(request))


def _policy(request: ApprovalRequest) -> Policy:
    policy_id = request.content["policy"]
    policy = Policy.objects.filter(tenant_id=request.tenant_id, id=policy_id).first()
    if policy is None:
        raise NotFound
    return policy


def _compared(request: ApprovalRequest) -> Compared | None:
    policy, wanted = _policy(request), request.content["version"]
    numbers = {policy.active_version, wanted} - {None}
    texts = dict(policy.versions.filter(number__in=numbers).values_list("number", "text"))
    before, after = policy.active_version, wanted
    return Compared(
        f"Version {before}, in force" if before else "Nothing in force",
        texts.get(before or 0, ""),
        f"version {after}" if after else "nothing in force",
        texts.get(after or 0, ""),
    )


def _perform_override(request: ApprovalRequest, actor: Actor, call: Call) -> None:
    grant_override(request, _policy(request), actor, call)


def _reviewed(request: ApprovalRequest, actor: Actor, call: Call) -> None:
    """The votes are the review: they stand in the audit as they are."""


register(
    Kind(
        ACTIVATE,
        "Put a policy in force, or take it out",
        "policy.approve",
        _resource,
        ask="POST /v1/policies/{policy_id}/activation/approval",
        compared=_compared,
    )
)
register(
    Kind(
        OVERRIDE,
        "Except somebody from a soft policy for a time",
        "policy.approve",
        _resource,
        needed=1,
        perform=_perform_override,
        ask="POST /v1/policies/{policy_id}/overrides",
    )
)
register(
    Kind(
        REVIEW,
        "Look at an emergency roll-back",
        "policy.approve",
        _resource,
        needed=1,
        perform=_reviewed,
        is_listed=False,
    )
)
