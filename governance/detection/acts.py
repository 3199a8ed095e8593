"""What detection does by itself. Nothing that is decided rests on alerts, so no epoch rises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow


def detector(tenant_id: UUID) -> Actor:
    """Who opens alerts."""
    return Actor(
        type="system",
        id=PLATFORM,
        name="detection",
        tenant_id=tenant_id,
        tenant_slug="",
        roles=(),
        auth_method="system",
    )


def detector_call() -> Call:
    return Call(request_id=str(uuid7()))


def record_opening(tenant_id: UUID, alert_id: UUID, details: Mapping[str, Any]) -> None:
    """Append the record of an alert that nobody but a rule opened."""
    draft = compose(
        actor=detector(tenant_id),
        call=detector_call(),
        action="alert.opened",
        resource_type="alert",
        resource_id=str(alert_id),
        extra={"event": "alert.opened", **details},
    )
    run_flow(append(draft))
