"""What of holds others have to agree to."""

from __future__ import annotations

from typing import Any

from governance.retention.queries import hold_resource, holds_of
from stateward.gate.approvals.kinds import Kind, register
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.state.models import Hold

RELEASE = "hold.release"


def released(hold: Hold) -> dict[str, Any]:
    """What is agreed to: this hold, with all that it keeps."""
    custodian = f"{hold.custodian_type}:{hold.custodian_id}" if hold.custodian_id else None
    return {
        "hold": str(hold.id),
        "matter": hold.matter,
        "namespace": hold.namespace or None,
        "key_pattern": hold.key_pattern or None,
        "custodian": custodian,
    }


def _resource(request: ApprovalRequest) -> Resource:
    hold = holds_of(request.tenant_id).filter(id=request.subject_id).first()
    if hold is None:
        raise NotFound
    return hold_resource(hold)


register(
    Kind(
        RELEASE,
        "Release a hold",
        "hold.release",
        _resource,
        needed=1,
        ask="POST /v1/retention/holds/{hold_id}/release/approval",
    )
)
