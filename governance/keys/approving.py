"""Destroying a key takes the agreement of others: the kind of request they are asked by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stateward.gate.approvals.kinds import Kind, register
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.requests import Resource

DESTROY = "key.destroy"


def content_of(namespace_id: UUID, key_id: UUID, version: int | None) -> Mapping[str, Any]:
    """What others agree to: this key, or this version of it, and no other."""
    return {
        "namespace_id": str(namespace_id),
        "key": str(key_id),
        "version": "every version" if version is None else str(version),
    }


def _resource(request: ApprovalRequest) -> Resource:
    name = request.subject_name
    return Resource("data_key", name, {"name": name, "namespace": name})


register(
    Kind(
        DESTROY,
        "Destroy a key",
        "key.destroy",
        _resource,
        needed=1,
        ask="POST /v1/keys/{namespace}/destructions/approval",
    )
)
