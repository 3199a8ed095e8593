"""What applies to one key or namespace: the rule, and the holds. In the tenant's scope.

For showing: rules and holds are those this process knows of, at most a second old.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from governance.retention.known import known_rules_in_force
from governance.retention.queries import database_time
from governance.retention.resolution import Verdict
from governance.retention.survey import Ground
from governance.retention.terms import Rule
from stateward.kernel.clock import now
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration
from stateward.state.entries import Entry
from stateward.state.holds import HoldScope
from stateward.state.keeping import Kept, KeptNamespace, find_kept, writers_of
from stateward.state.models import Namespace
from stateward.tenancy.scope import run_flow


class Applied(NamedTuple):
    """What keeps a key and what wants it gone."""

    verdict: Verdict
    holds: tuple[HoldScope, ...]


def applied_to_key(namespace: Namespace, key: str) -> Applied | None:
    """None where there is no such key, and never was."""

    def flow() -> Flow[Applied | None]:
        found = yield from find_kept(namespace.tenant_id, namespace.id, key)
        return (yield from _applied(namespace, *found)) if found else None

    return run_flow(flow())


def applied_to_entry(namespace: Namespace, entry: Entry) -> Applied:
    """The same for a living entry that was read already, by this process's clock."""
    kept = Kept(
        namespace_id=namespace.id,
        key=entry.key,
        version=entry.version,
        is_alive=True,
        size_bytes=entry.size_bytes,
        labels=json.dumps(dict(entry.labels)) if entry.labels else None,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        expires_at=entry.expires_at,
        writer=entry.updated_by.id,
    )
    return run_flow(_applied(namespace, kept, now()))


def _applied(namespace: Namespace, kept: Kept, moment: datetime) -> Flow[Applied]:
    tenant_id = namespace.tenant_id
    configuration = yield from load_configuration(tenant_id)
    space = KeptNamespace(
        namespace.id, namespace.name, namespace.classification, namespace.deleted_at
    )
    rules = known_rules_in_force(configuration, moment)
    base = Ground(rules, {space.id: space}, configuration, moment)
    reaching = configuration.holds.on_namespace(namespace.name)
    wrote = yield from writers_of(tenant_id, [kept.place], reaching.custodians)
    holds = reaching.covering(kept.key, wrote.get(kept.place, set()) | {kept.writer})
    return Applied(base.resolve(kept, is_held=bool(holds)), holds)


def applied_to_namespace(
    tenant_id: UUID, name: str, classification: str
) -> tuple[list[Rule], tuple[HoldScope, ...]]:
    """Rules in force and holds that reach into a namespace."""

    configuration = run_flow(load_configuration(tenant_id))
    reaching = configuration.holds.on_namespace(name)
    rules = [
        rule
        for rule in known_rules_in_force(configuration, database_time())
        if rule.terms.scope.reaches(name, classification)
    ]
    return rules, reaching.whole + reaching.partial
