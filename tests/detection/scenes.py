"""Records as rules meet them, put into the audit by its own door, with times of the past."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from governance.detection.acts import detector
from governance.detection.looking import Looked, look_at
from governance.detection.models import Alert
from stateward.gate.audit.record import append, compose
from stateward.kernel.clock import now, rfc3339
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM, Agent, Member, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


def acting(holder: Agent | Member, **fields: Any) -> Actor:
    """The actor that an agent or member is."""
    kind = "agent" if isinstance(holder, Agent) else "member"
    return Actor(
        **{
            "type": kind,
            "id": holder.id,
            "name": getattr(holder, "name", "") or str(getattr(holder, "person", "")),
            "tenant_id": holder.tenant_id,
            "tenant_slug": "",
            "roles": tuple(holder.roles),
            **fields,
        }
    )


def write(
    actor: Actor,
    action: str,
    *,
    outcome: str = "allow",
    reason: str | None = None,
    about: tuple[str, str] = ("tenant", "x"),
    ago: timedelta = timedelta(),
    address: str = "",
    **more: Any,
) -> UUID:
    """One record of ``actor``'s tenant; ``ago`` in the time that rules go by."""
    details: Mapping[str, Any] = more.pop("details", {})
    if ago:
        moment = rfc3339(now() - ago)
        details = {"count": 1, "first": moment, "last": moment, **details}
    draft = compose(
        actor=actor,
        call=Call(request_id="r-1", source_address=address),
        action=action,
        resource_type=about[0],
        resource_id=about[1],
        outcome=outcome,
        reason=reason,
        extra=details,
        **more,
    )
    with tenant_scope(actor.tenant_id):
        run_flow(append(draft))
    return draft.id


def failure(email: str, address: str = "192.0.2.7", **fields: Any) -> UUID:
    """A failed sign-in, as the platform's tree has it."""
    return write(
        detector(PLATFORM),
        "account.sign_in_failed",
        outcome="deny",
        reason="bad_credential",
        about=("tenant", "platform"),
        address=address,
        personal={"email": email},
        **fields,
    )


def look(tenant: Tenant) -> Looked:
    """The platform first, as the job does it, then the tenant. Other tests look at the platform
    too.
    """
    look_at(PLATFORM)
    again(PLATFORM)
    again(tenant.id)
    return look_at(tenant.id)


def again(tenant_id: UUID) -> None:
    """Let every rule be due now, as if its interval were over."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_detection_progress SET until = until - interval '1 hour' "
            "WHERE tenant_id = %s",
            (tenant_id,),
        )


def silence(tenant: Tenant, gap: timedelta, rule: str | None = None) -> None:
    """As if nobody had looked since."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_detection_progress SET evaluated_at = evaluated_at - %s::interval, "
            "until = until - %s::interval WHERE tenant_id = %s AND rule = coalesce(%s, rule)",
            (gap, gap, tenant.id, rule),
        )


def alerts(tenant_id: UUID, rule: str | None = None) -> list[Alert]:
    with tenant_scope(tenant_id):
        rows = Alert.objects.filter(tenant_id=tenant_id).order_by("id")
        return list(rows.filter(rule=rule) if rule else rows)


def said(tenant: Tenant, rule: str) -> list[str]:
    return [one.said for one in alerts(tenant.id, rule)]


def linked(alert: Alert) -> set[UUID]:
    with tenant_scope(alert.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT record_id FROM stateward_alert_record WHERE tenant_id = %s AND alert_id = %s",
            (alert.tenant_id, alert.id),
        )
        return {row[0] for row in cursor.fetchall()}


def minutes_ago(count: float) -> timedelta:
    return timedelta(minutes=count)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
