"""Reads of quarantines. Within the tenant's scope."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from governance.people.services.agents import find_agent
from governance.quarantine.models import Quarantine
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call


def quarantines_of(actor: Actor, call: Call) -> QuerySet[Quarantine, Quarantine]:
    """All of the tenant's, for whoever may read its alerts."""
    permit(actor, call, "alert.read", whole_tenant(actor))
    return Quarantine.objects.filter(tenant_id=actor.tenant_id)


def find_quarantine(actor: Actor, call: Call, quarantine_id: UUID) -> Quarantine:
    found = quarantines_of(actor, call).filter(id=quarantine_id).first()
    if found is None:
        raise NotFound
    return found


def quarantine_of(actor: Actor, call: Call, agent_id: UUID) -> Quarantine | None:
    """The one that an agent is in now, for whoever may read the agent."""
    find_agent(actor, call, agent_id)
    rows = Quarantine.objects.filter(tenant_id=actor.tenant_id, agent_id=agent_id)
    return rows.filter(closed_at__isnull=True).first()
