"""What every act about retention and holds does besides the act itself: be decided, be recorded.

Inside the caller's transaction, in the tenant's scope. Every change raises the epoch: holds are
part of what deletes are decided under. A purge under way holds the epoch's row, so that whoever
changes a rule or places a hold waits for that batch, and the next one sees the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.retention.terms import Scope
from stateward.gate.audit.record import append, compose
from stateward.gate.policy.decide import require
from stateward.gate.policy.load import current_policies, record_snapshots
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import StatewardError
from stateward.state.models import Namespace
from stateward.state.services.namespaces import resource_of as namespace_resource
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow


def permit(
    actor: Actor, call: Call, action: str, resource: Resource, *, hide: bool = False
) -> Decision:
    """The decision that allows it; else Denied (403), or with ``hide`` NotFound.

    The error carries the action and the resource for the record that the web layer has written of
    it.
    """
    policies = run_flow(current_policies(actor.tenant_id))
    try:
        delegator = run_flow(load_delegator(actor, call))
        return require(
            policies, actor, action, resource, call_context(call), delegator=delegator, hide=hide
        )
    except StatewardError as error:
        error.action, error.resource = action, resource  # type: ignore[attr-defined]
        raise


def record(
    call: Call,
    action: str,
    about: tuple[str, str],
    decision: Decision,
    details: Mapping[str, Any],
    *,
    approvals: Sequence[str] = (),
) -> None:
    """Append the record of what was done under ``decision``; ``about`` is type and id."""
    actor = decision.actor
    run_flow(record_snapshots(actor.tenant_id, decision))
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type=about[0],
        resource_id=about[1],
        reason=decision.reason,
        decision=decision.facts(),
        approvals=approvals,
        extra=details,
    )
    run_flow(append(draft))


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
    whole = Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})
    return {
        scope: found.get(scope.namespace)
        or Resource("namespace", scope.namespace, {"name": scope.namespace})
        if scope.namespace
        else whole
        for scope in wanted
    }
