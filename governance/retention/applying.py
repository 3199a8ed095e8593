"""What applies to one key or namespace: the rule, and the holds. In the tenant's scope."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from governance.retention.queries import database_time, rules_in_force
from governance.retention.resolution import Verdict
from governance.retention.survey import ground
from governance.retention.terms import Rule
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration
from stateward.state.holds import HoldScope
from stateward.state.keeping import find_kept, writers_of
from stateward.state.models import Namespace
from stateward.tenancy.scope import run_flow


class Applied(NamedTuple):
    """What keeps a key and what wants it gone."""

    verdict: Verdict
    holds: tuple[HoldScope, ...]


def applied_to_key(namespace: Namespace, key: str) -> Applied | None:
    """None where there is no such key, and never was."""
    tenant_id = namespace.tenant_id
    now = database_time()
    rules = rules_in_force(tenant_id, now)

    def flow() -> Flow[Applied | None]:
        configuration = yield from load_configuration(tenant_id, max_age=0)
        base = yield from ground(configuration, rules, now)
        kept = yield from find_kept(tenant_id, namespace.id, key)
        if kept is None or kept.namespace_id not in base.namespaces:
            return None
        reaching = configuration.holds.on_namespace(namespace.name)
        wrote = yield from writers_of(tenant_id, [kept.place], reaching.custodians)
        holds = reaching.covering(key, wrote.get(kept.place, set()) | {kept.writer})
        return Applied(base.resolve(kept, is_held=bool(holds)), holds)

    return run_flow(flow())


def applied_to_namespace(
    tenant_id: UUID, name: str, classification: str
) -> tuple[list[Rule], tuple[HoldScope, ...]]:
    """Rules in force and holds that reach into a namespace."""

    def flow() -> Flow[tuple[HoldScope, ...]]:
        configuration = yield from load_configuration(tenant_id, max_age=0)
        reaching = configuration.holds.on_namespace(name)
        return reaching.whole + reaching.partial

    rules = [
        rule
        for rule in rules_in_force(tenant_id, database_time())
        if rule.terms.scope.reaches(name, classification)
    ]
    return rules, run_flow(flow())
