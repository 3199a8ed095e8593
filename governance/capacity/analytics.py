"""A namespace's analytics, for who may read it; of its keys those the caller may know of."""

from __future__ import annotations

import json
from typing import Any

from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Flow
from stateward.operations.metrics.analytics import Analytics, Day, Remarkable, analytics_of
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import judge_for
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

DAYS, MOST_DAYS = 30, 400


def look_at(actor: Actor, call: Call, name: str, *, days: int = DAYS) -> Analytics:
    """What was counted of the namespace's last ``days``; 403, or 404 for who may not know of it. In
    the tenant's scope.
    """

    def flow() -> Flow[Analytics]:
        configuration = yield from load_configuration_for(actor, max_age=0)
        rules = yield from namespace_rules(configuration, name)
        judge = yield from judge_for(configuration, actor, call)
        yield from judge.require("namespace.read", rules, rules.resource())
        found = yield from analytics_of(actor.tenant_id, rules.id, days)

        def may_know(one: Remarkable) -> bool:
            entry = rules.entry(one.key, json.loads(one.labels))
            return judge.decide("state.read_meta", entry).allowed

        keys = [one for one in found.keys if may_know(one)]
        return Analytics(found.days, keys, found.standing)

    return run_flow(flow())


def body(name: str, found: Analytics) -> dict[str, Any]:
    """As JSON."""
    standing = found.standing
    return {
        "namespace": name,
        "analysed_at": rfc3339(standing.at) if standing else None,
        "days": [_day(one) for one in found.days],
        "hottest": [{"key": one.key, "writes": one.number} for one in found.of("hot")],
        "largest": [{"key": one.key, "size_bytes": one.number} for one in found.of("large")],
        "dead": {
            "after_days": standing.dead_after_days if standing else None,
            "keys": standing.dead_keys if standing else 0,
            "bytes": standing.dead_bytes if standing else 0,
            "oldest": [
                {
                    "key": one.key,
                    "size_bytes": one.number,
                    "written_at": rfc3339(one.updated_at),
                }
                for one in found.of("dead")
            ],
        },
    }


def _day(one: Day) -> dict[str, Any]:
    return one._asdict() | {
        "day": one.day.isoformat(),
        "conflict_rate": _rounded(one.conflict_rate),
        "write_amplification": _rounded(one.write_amplification),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
