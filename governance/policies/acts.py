"""What acts about policies touch."""

from __future__ import annotations

from stateward.gate.policy.models import Policy
from stateward.gate.policy.requests import Resource


def resource_of(policy: Policy) -> Resource:
    return Resource("policy", str(policy.id), {"name": policy.name})
