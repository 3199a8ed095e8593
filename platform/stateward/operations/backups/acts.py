"""What acts about backups touch, and the records of what jobs did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.requests import Resource
from stateward.kernel.ids import uuid7
from stateward.operations.backups.models import Backup
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow


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


def resource_of(backup: Backup) -> Resource:
    return Resource("backup", str(backup.id), {"name": backup.name})
