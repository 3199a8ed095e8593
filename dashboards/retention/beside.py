"""What stands of retention on the pages of namespaces and entries."""

from __future__ import annotations

from typing import Any

from dashboards.requests import ConsoleRequest
from dashboards.retention.words import becomes, retained_until, says
from governance.retention.applying import applied_to_entry, applied_to_key, applied_to_namespace
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.entries import Entry
from stateward.state.judging import Judge
from stateward.state.models import Namespace
from stateward.tenancy.scope import run_flow


def of_namespace(request: ConsoleRequest, namespace: Namespace) -> dict[str, Any] | None:
    """Rules in force and holds that reach into it; None for who may not read them. In the tenant's
    scope.
    """
    may = _rights(request, namespace.name)
    if not may["retention.read"]:
        return None
    rules, holds = applied_to_namespace(
        namespace.tenant_id, namespace.name, namespace.classification
    )
    return {
        "rules": [{"rule": rule, "says": says(rule.terms)} for rule in rules],
        "holds": holds if may["hold.read"] else (),
    }


def of_entry(
    request: ConsoleRequest, namespace: Namespace, key: str, entry: Entry | None
) -> dict[str, Any] | None:
    """The rule and the holds that apply to one key; None for who may not read them, or where there
    is nothing. In the tenant's scope.
    """
    may = _rights(request, namespace.name)
    if not may["retention.read"]:
        return None
    applied = applied_to_entry(namespace, entry) if entry else applied_to_key(namespace, key)
    if applied is None:
        return None
    verdict = applied.verdict
    return {
        "says": becomes(verdict),
        "is_ruled": verdict.state != "unruled",
        "delete_at": verdict.delete_at,
        "until": retained_until(verdict),
        "is_held": bool(applied.holds),
        "holds": applied.holds if may["hold.read"] else (),
    }


def _rights(request: ConsoleRequest, name: str) -> dict[str, bool]:
    """Whether the reader may read rules and holds here, by the configuration the page has."""

    def flow() -> Flow[dict[str, bool]]:
        configuration = yield from load_configuration_for(request.actor)
        rules = yield from namespace_rules(configuration, name)
        judge = Judge(configuration, request.actor, request.call)
        about = rules.resource()
        return {
            action: judge.decide(action, about).allowed
            for action in ("retention.read", "hold.read")
        }

    return run_flow(flow())
