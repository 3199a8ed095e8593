"""Reads of routes and of what was sent. Within the tenant's scope."""

from __future__ import annotations

from django.db.models import QuerySet

from governance.delivery.models import Delivery, Route
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.tenancy.actors import Actor, Call


def routes_of(actor: Actor, call: Call) -> QuerySet[Route, Route]:
    """The tenant's routes, for whoever may read its alerts."""
    permit(actor, call, "alert.read", whole_tenant(actor))
    return Route.objects.filter(tenant_id=actor.tenant_id)


def deliveries_of(actor: Actor, call: Call) -> QuerySet[Delivery, Delivery]:
    permit(actor, call, "alert.read", whole_tenant(actor))
    return Delivery.objects.filter(tenant_id=actor.tenant_id).select_related("route")
