"""What acts about sinks touch, and what the worker puts on record about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.evidence.acts import audit_log
from governance.sinks.models import Sink
from stateward.gate.audit.record import append, compose
from stateward.gate.policy.permits import permit
from stateward.gate.policy.requests import Decision
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow

MANAGE = "audit.manage"


def permit_managing(actor: Actor, call: Call) -> Decision:
    return permit(actor, call, MANAGE, audit_log(actor))


def record_event(sink: Sink, event: str, details: Mapping[str, Any]) -> None:
    """What became of a sink by itself: its failure is part of the log it fails to copy."""
    draft = compose(
        actor=Actor(
            type="system",
            id=PLATFORM,
            name="sinks",
            tenant_id=sink.tenant_id,
            tenant_slug="",
            roles=(),
            auth_method="system",
        ),
        call=Call(request_id=f"sinks-{uuid7()}"),
        action=MANAGE,
        resource_type="sink",
        resource_id=str(sink.id),
        extra={"event": event, "name": sink.name, **details},
    )
    run_flow(append(draft))
