"""What the reader may do here, asked of the gate: a button that would be refused is not shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.requests import ConsoleRequest
from governance.assist.endpoint import is_on
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import Judge
from stateward.tenancy.scope import run_flow


def rights(
    request: ConsoleRequest, namespace: str, key: str = "", labels: Mapping[str, Any] | None = None
) -> dict[str, bool]:
    """``write``, ``delete`` of the entry, and to ``ask`` the model about it; ``update``,
    ``remove`` of the namespace, and to ``search`` it with the model. In its scope.

    Nothing is recorded: nobody asked for what a page offers of itself.
    """

    def flow() -> Flow[dict[str, bool]]:
        configuration = yield from load_configuration_for(request.actor)
        rules = yield from namespace_rules(configuration, namespace)
        judge = Judge(configuration, request.actor, request.call)
        entry, whole = rules.entry(key, labels or {}), rules.resource()
        # Whether a custodian's hold keeps it is asked of its row, when it is to be deleted.
        going = rules.entry(key, labels or {}, is_held=rules.holds.keeps(key))
        return {
            "write": judge.decide("state.write", entry).allowed,
            "delete": judge.decide("state.delete", going).allowed,
            "update": judge.decide("namespace.update", whole).allowed,
            "remove": judge.decide("namespace.delete", whole).allowed,
            "ask": is_on() and judge.decide("model.use", entry).allowed,
            "search": is_on() and judge.decide("model.use", whole).allowed,
        }

    return run_flow(flow())
