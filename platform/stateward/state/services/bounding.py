"""Setting what bounds a namespace: decided like any change of it, recorded, in force with the next
write. In the tenant's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.requests import Decision
from stateward.kernel.flow import Flow
from stateward.state.bounds import (
    NO_BOUNDS,
    NO_QUOTA,
    Bounds,
    Quota,
    Tier,
    load_bounds,
    load_quotas,
    put_bounds,
    put_quota,
    tier_of,
)
from stateward.state.configuration import (
    NamespaceRules,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.judging import judge_for
from stateward.state.usage import Sum, sums_of
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow


class Allowed(NamedTuple):
    """A namespace, and the decision that lets the caller at it."""

    rules: NamespaceRules
    decision: Decision


def allowed(actor: Actor, call: Call, action: str, name: str) -> Allowed:
    """The namespace called ``name`` for ``action``; 403, or 404 for who may not know of it."""

    def flow() -> Flow[Allowed]:
        configuration = yield from load_configuration_for(actor, max_age=0)
        rules = yield from namespace_rules(configuration, name)
        judge = yield from judge_for(configuration, actor, call)
        return Allowed(rules, (yield from judge.require(action, rules, rules.resource())))

    return run_flow(flow())


def namespace_quota(actor: Actor, call: Call, name: str) -> tuple[Quota, Sum]:
    """A namespace's quota, and what it is compared with."""
    rules = allowed(actor, call, "namespace.read", name).rules
    quotas = run_flow(load_quotas(actor.tenant_id))
    sums = run_flow(sums_of(actor.tenant_id))
    return quotas.get(rules.id, NO_QUOTA), sums.get(rules.id, Sum())


def set_namespace_quota(actor: Actor, call: Call, name: str, quota: Quota) -> Quota:
    """From the next write on; one that says nothing takes the quota away."""
    about = allowed(actor, call, "namespace.update", name)
    before = run_flow(load_quotas(actor.tenant_id)).get(about.rules.id, NO_QUOTA)
    run_flow(put_quota(actor.tenant_id, about.rules.id, quota))
    details = {"before": before._asdict(), "after": quota._asdict()}
    record_change(actor, call, about, "namespace.quota_set", details)
    return quota


def namespace_bounds(actor: Actor, call: Call, name: str) -> tuple[Bounds, Tier]:
    """A namespace's bounds, and what they have come to."""
    rules = allowed(actor, call, "namespace.read", name).rules
    bounds = run_flow(load_bounds(actor.tenant_id)).get(rules.id, NO_BOUNDS)
    return bounds, run_flow(tier_of(actor.tenant_id, rules.id))


def set_namespace_bounds(actor: Actor, call: Call, name: str, bounds: Bounds) -> Bounds:
    """From now on. A window gives history up for good, so whoever sets or changes one must be
    allowed to manage retention there as well.
    """
    about = allowed(actor, call, "namespace.update", name)
    before = run_flow(load_bounds(actor.tenant_id)).get(about.rules.id, NO_BOUNDS)
    if bounds.window != before.window:
        allowed(actor, call, "retention.manage", name)
    run_flow(put_bounds(actor.tenant_id, about.rules.id, bounds))
    details = {"before": before._asdict(), "after": bounds._asdict()}
    record_change(actor, call, about, "namespace.bounds_set", details)
    return bounds


def record_change(
    actor: Actor, call: Call, about: Allowed, event: str, details: Mapping[str, Any]
) -> None:
    """Raise the epoch and append the record."""
    bump(actor.tenant_id, "namespaces")
    draft = compose(
        actor=actor,
        call=call,
        action="namespace.update",
        resource_type="namespace",
        resource_id=str(about.rules.id),
        reason=about.decision.reason,
        decision=about.decision.facts(),
        namespace_id=about.rules.id,
        classification=about.rules.classification,
        extra={"event": event, **details},
    )
    run_flow(append(draft))
