"""Opening and closing a quarantine: pause, record, release."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from governance.detection.queries import find_alert
from governance.people.services.agents import (
    find_agent,
    pause_agent,
    resource_of,
    resume_agent,
)
from governance.quarantine.exceptions import InQuarantine, QuarantineOver, Undecided
from governance.quarantine.models import Quarantine
from governance.quarantine.services.verdicts import keep_rest
from governance.quarantine.writes import tally
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Decision
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import NotFound, unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent
from stateward.tenancy.scope import run_flow

MANAGE = "agent.manage"
LONGEST = timedelta(days=90)


def open_quarantine(
    *,
    actor: Actor,
    call: Call,
    agent_id: UUID,
    since: datetime,
    reason: str = "",
    alert_id: UUID | None = None,
) -> Quarantine:
    """Pause an agent and put what it wrote ``since`` then on a list to be looked at. 409 while it
    is in quarantine. A paused agent stays paused.
    """
    agent = find_agent(actor, call, agent_id)
    decision = permit(actor, call, MANAGE, resource_of(agent))
    _check_since(since)
    if alert_id is not None:
        find_alert(actor.tenant_id, alert_id)
    if agent.status == Agent.Status.ACTIVE:
        pause_agent(actor=actor, call=call, agent_id=agent_id, reason=reason)
    try:
        with transaction.atomic():
            made = Quarantine.objects.create(
                tenant_id=actor.tenant_id,
                agent_id=agent.id,
                agent_name=agent.name[:254],
                alert_id=alert_id,
                reason=reason,
                since=since,
                opened_by=actor.name[:254],
            )
    except IntegrityError:
        raise InQuarantine from None
    made.refresh_from_db()
    details = {"event": "agent.quarantined", "since": rfc3339(since), "reason": reason}
    _record(call, decision, made, details)
    return made


def close_quarantine(
    *,
    actor: Actor,
    call: Call,
    quarantine_id: UUID,
    note: str = "",
    rest_is_kept: bool = False,
    resume: bool = False,
) -> Quarantine:
    """End the review. 409 ``undecided`` while writes have no verdict, unless the rest is to be
    kept. With ``resume`` the agent is let in again; without, it stays paused.
    """
    found, decision = managed(actor, call, quarantine_id)
    undecided = run_flow(tally(found)).undecided
    if undecided and not rest_is_kept:
        raise Undecided(undecided=undecided)
    if undecided:
        keep_rest(actor, found)
    found.closed_at, found.closed_by, found.note = Now(), actor.name[:254], note
    found.save(update_fields=["closed_at", "closed_by", "note"])
    found.refresh_from_db()
    details = {
        "event": "agent.quarantine_closed", "note": note, "kept_unseen": undecided,
        "resumed": resume,
    }  # fmt: skip
    _record(call, decision, found, details)
    if resume:
        _resume(actor, call, found.agent_id)
    return found


def managed(actor: Actor, call: Call, quarantine_id: UUID) -> tuple[Quarantine, Decision]:
    """An open quarantine, locked, and the decision that lets the caller act in it."""
    rows = Quarantine.objects.select_for_update()
    found = rows.filter(tenant_id=actor.tenant_id, id=quarantine_id).first()
    if found is None:
        raise NotFound
    agent = Agent.objects.filter(tenant_id=actor.tenant_id, id=found.agent_id).first()
    if agent is None:
        raise NotFound
    decision = permit(actor, call, MANAGE, resource_of(agent), known_by="agent.read")
    if found.closed_at is not None:
        raise QuarantineOver
    return found, decision


def _resume(actor: Actor, call: Call, agent_id: UUID) -> None:
    agent = Agent.objects.get(tenant_id=actor.tenant_id, id=agent_id)
    if agent.status == Agent.Status.PAUSED:
        resume_agent(actor=actor, call=call, agent_id=agent_id)


def _check_since(since: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    if not now - LONGEST <= since < now:
        raise unfit("since", f"in the past, at most {LONGEST.days} days ago")


def _record(call: Call, decision: Decision, found: Quarantine, details: Mapping[str, Any]) -> None:
    about = ("agent", str(found.agent_id))
    record(call, decision, MANAGE, about, {**details, "quarantine": str(found.id)})
