"""What people do with an alert: take it up, say something, hand it on, close it, open it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from governance.detection.exceptions import AlertResolved, AlertStands, NotFit
from governance.detection.models import Alert, AlertEvent
from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault, NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Member


def acknowledge_alert(*, actor: Actor, call: Call, alert_id: UUID, note: str = "") -> Alert:
    """Take an alert up: whoever does owns it, unless it has an owner. Again adds a note."""
    alert, decision = _managed(actor, call, alert_id)
    if alert.state == Alert.State.RESOLVED:
        raise AlertResolved
    alert.state = Alert.State.ACKNOWLEDGED
    if alert.owner_id is None and actor.type == "member":
        alert.owner_id = actor.id
    return _save(call, decision, alert, "acknowledged", note)


def resolve_alert(*, actor: Actor, call: Call, alert_id: UUID, note: str) -> Alert:
    """Close an alert, saying what it was. What its rule finds from now on is a new alert."""
    alert, decision = _managed(actor, call, alert_id)
    if alert.state == Alert.State.RESOLVED:
        raise AlertResolved
    if not note.strip():
        raise _not_fit("note", "says what it was and what was done")
    alert.state = Alert.State.RESOLVED
    return _save(call, decision, alert, "resolved", note)


def reopen_alert(*, actor: Actor, call: Call, alert_id: UUID, note: str = "") -> Alert:
    """Open a resolved alert again; 409 where another of the same rule about the same subject
    stands by now.
    """
    alert, decision = _managed(actor, call, alert_id)
    if alert.state != Alert.State.RESOLVED:
        return alert
    alert.state = Alert.State.OPEN
    try:
        with transaction.atomic():
            return _save(call, decision, alert, "reopened", note)
    except IntegrityError:
        raise AlertStands from None


def assign_alert(*, actor: Actor, call: Call, alert_id: UUID, owner: UUID | None) -> Alert:
    """Hand an alert to a member of this tenant, or to nobody."""
    alert, decision = _managed(actor, call, alert_id)
    check_owner(actor.tenant_id, owner)
    alert.owner_id = owner
    return _save(call, decision, alert, "assigned", "", owner=str(owner) if owner else None)


def check_owner(tenant_id: UUID, member_id: UUID | None) -> None:
    """NotFit (422) unless this is an active member of the tenant, or None."""
    if member_id is None:
        return
    members = Member.objects.filter(tenant_id=tenant_id, id=member_id, is_active=True)
    if not members.exists():
        raise _not_fit("owner", "not an active member of this tenant")


def _managed(actor: Actor, call: Call, alert_id: UUID) -> tuple[Alert, Decision]:
    decision = permit(actor, call, "alert.manage", whole_tenant(actor))
    rows = Alert.objects.select_for_update(of=("self",))
    alert = rows.filter(tenant_id=actor.tenant_id, id=alert_id).first()
    if alert is None:
        raise NotFound
    return alert, decision


def _save(
    call: Call,
    decision: Decision,
    alert: Alert,
    event: str,
    note: str,
    **details: Any,
) -> Alert:
    actor = decision.actor
    alert.changed_at = Now()
    alert.save(update_fields=["state", "owner", "changed_at"])
    AlertEvent.objects.create(
        tenant_id=actor.tenant_id,
        alert=alert,
        event=event,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name[:254],
        note=note,
    )
    told = {"rule": alert.rule, "state": alert.state, "note": note, **details}
    about = ("alert", str(alert.id))
    record(call, decision, "alert.manage", about, {"event": f"alert.{event}", **told})
    return Alert.objects.select_related("owner__person").get(id=alert.id)


def _not_fit(member: str, message: str) -> NotFit:
    return NotFit(f"{member}: {message}.", errors=(Fault(f"/{member}", message),))
