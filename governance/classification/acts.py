"""What acts about classification touch."""

from __future__ import annotations

from stateward.gate.policy.permits import whole_tenant
from stateward.gate.policy.requests import Resource
from stateward.state.models import Namespace
from stateward.state.services.namespaces import resource_of
from stateward.tenancy.actors import Actor


def resource_for(actor: Actor, namespace: str) -> Resource:
    """The namespace called so, else the tenant. One that is not there yet has only its name."""
    if not namespace:
        return whole_tenant(actor)
    found = Namespace.objects.filter(
        tenant_id=actor.tenant_id, name=namespace, deleted_at__isnull=True
    ).first()
    return resource_of(found) if found else Resource("namespace", namespace, {"name": namespace})
