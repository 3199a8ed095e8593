"""What stands of retention on the pages of namespaces and entries."""

from __future__ import annotations

from typing import Any

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest
from dashboards.retention.words import becomes, retained_until, says
from governance.retention.applying import applied_to_key, applied_to_namespace
from stateward.state.models import Namespace


def of_namespace(request: ConsoleRequest, namespace: Namespace) -> dict[str, Any] | None:
    """Rules in force and holds that reach into it; None for who may not read them. In the tenant's
    scope.
    """
    if not may(request, "retention.read").allowed:
        return None
    rules, holds = applied_to_namespace(
        namespace.tenant_id, namespace.name, namespace.classification
    )
    return {
        "rules": [{"rule": rule, "says": says(rule.terms)} for rule in rules],
        "holds": holds if may(request, "hold.read").allowed else (),
    }


def of_entry(request: ConsoleRequest, namespace: Namespace, key: str) -> dict[str, Any] | None:
    """The rule and the holds that apply to one key; None for who may not read them, or where there
    is nothing. In the tenant's scope.
    """
    if not may(request, "retention.read").allowed:
        return None
    applied = applied_to_key(namespace, key)
    if applied is None:
        return None
    verdict = applied.verdict
    return {
        "says": becomes(verdict),
        "is_ruled": verdict.state != "unruled",
        "delete_at": verdict.delete_at,
        "until": retained_until(verdict),
        "is_held": bool(applied.holds),
        "holds": applied.holds if may(request, "hold.read").allowed else (),
    }
