"""What of holds and rules others have to agree to."""

from __future__ import annotations

from typing import Any

from governance.retention.queries import hold_resource, holds_of
from governance.retention.terms import Terms
from stateward.gate.approvals.kinds import Kind, register
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.state.models import Hold
from stateward.tenancy.models import Tenant

RELEASE = "hold.release"
SHORTEN = "retention.shorten"


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


def loosened(name: str, terms: Terms | None) -> dict[str, Any]:
    """What is agreed to: that the rule of this name says this from then on; None: that it ends."""
    if terms is None:
        return {"rule": name, "ends": True}
    return {
        "rule": name,
        "ends": False,
        "kind": terms.kind,
        "days": terms.days,
        "clock": terms.clock,
        "erase_audit": terms.erase_audit,
        "scope": {
            "namespace": terms.scope.namespace,
            "key_pattern": terms.scope.key_pattern,
            "classification": terms.scope.classification,
            "label": terms.scope.label,
        },
    }


def _tenant(request: ApprovalRequest) -> Resource:
    slug = Tenant.objects.values_list("slug", flat=True).get(id=request.tenant_id)
    return Resource("tenant", slug, {"name": slug})


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
register(
    Kind(
        SHORTEN,
        "Let a retention rule delete sooner",
        "retention.manage",
        _tenant,
        ask="POST /v1/retention/rules/approval",
    )
)
