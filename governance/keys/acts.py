"""What acts about keys touch, and who does what nobody asked for."""

from __future__ import annotations

from uuid import UUID

from stateward.gate.policy.requests import Resource
from stateward.state.models import Namespace
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import PLATFORM


def keeper(tenant_id: UUID) -> Actor:
    """Whoever carries out what the life of keys brings by itself."""
    return Actor("system", PLATFORM, "key keeper", tenant_id, "", (), auth_method="system")


def key_of(namespace: Namespace) -> Resource:
    """A namespace's data key as decisions see it."""
    return Resource(
        "data_key", namespace.name, {"name": namespace.name, "namespace": namespace.name}
    )
