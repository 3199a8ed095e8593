"""What acts about retention and holds touch.

Inside the caller's transaction, in the tenant's scope. Every change raises the epoch: holds are
part of what deletes are decided under. A purge under way holds the epoch's row, so that whoever
changes a rule or places a hold waits for that batch, and the next one sees the change.
"""

from __future__ import annotations

from collections.abc import Iterable

from governance.retention.terms import Scope
from stateward.gate.policy.permits import whole_tenant
from stateward.gate.policy.requests import Resource
from stateward.state.models import Namespace
from stateward.state.services.namespaces import resource_of as namespace_resource
from stateward.tenancy.actors import Actor
from stateward.tenancy.epochs import bump


def raise_epoch(actor: Actor) -> None:
    """First of all: its row's lock is what purges and others who change rules wait for."""
    bump(actor.tenant_id, "namespaces")


def resource_for(actor: Actor, scope: Scope) -> Resource:
    """What a rule or hold of this scope touches: the namespace it names, else the tenant."""
    return resources_for(actor, [scope])[scope]


def resources_for(actor: Actor, scopes: Iterable[Scope]) -> dict[Scope, Resource]:
    """The same for many, in one statement. A namespace that is not there yet has only its name."""
    wanted = set(scopes)
    names = {scope.namespace for scope in wanted if scope.namespace}
    found = {}
    if names:
        rows = Namespace.objects.filter(
            tenant_id=actor.tenant_id, name__in=names, deleted_at__isnull=True
        )
        found = {row.name: namespace_resource(row) for row in rows}
    return {
        scope: found.get(scope.namespace)
        or Resource("namespace", scope.namespace, {"name": scope.namespace})
        if scope.namespace
        else whole_tenant(actor)
        for scope in wanted
    }
