"""Leases of a namespace: who holds which key until when, and how a person ends one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.panes import open_namespace
from stateward.kernel.errors import NotFound, Unprocessable
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import judge_for
from stateward.state.services.leases import (
    MAX_REASON,
    LeasePage,
    Listed,
    list_leases,
    release_lease,
)
from stateward.tenancy.scope import run_flow, tenant_scope

SHOWN = 200


@page
def leases(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """The leases held now."""
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, namespace)
        held = _held(request, namespace)
        context: dict[str, Any] = {
            "namespace": found,
            "tree": tree,
            "leases": held.items,
            "has_more": held.next_after is not None,
            "waiting": sum(one.waiting for one in held.items),
            "may_end": _may_end(request, namespace),
            "crumbs": _crumbs(request, namespace, "Leases"),
            "pane": "tree",
        }
    return render(request, "state/leases.html", context)


@page
def end_lease(request: ConsoleRequest, namespace: str, lease: str) -> HttpResponse:
    """End somebody's lease, after it was said why."""
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, namespace)
        listed = _one(request, namespace, lease)
    fault = ""
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()
        try:
            with tenant_scope(request.tenant.tenant_id):
                run_flow(
                    release_lease(
                        request.actor, request.call, namespace, listed.lease.id, reason=reason
                    )
                )
        except Unprocessable:
            fault = f"Say why, in 1 to {MAX_REASON} characters. The lease still stands."
        else:
            holder = listed.lease.holder.name
            messages.success(request, f"The lease of {holder} on {listed.lease.key} is ended.")
            return redirect(address(request, "leases", namespace))
    context = {
        "namespace": found,
        "tree": tree,
        "listed": listed,
        "fault": fault,
        "most": MAX_REASON,
        "crumbs": [
            *_crumbs(request, namespace, "Leases", is_last=False),
            Crumb(listed.lease.key),
        ],
        "pane": "tree",
    }
    return render(request, "state/lease_end.html", context, status=422 if fault else 200)


def _held(request: ConsoleRequest, namespace: str) -> LeasePage:
    return run_flow(list_leases(request.actor, request.call, namespace, limit=SHOWN))


def _one(request: ConsoleRequest, namespace: str, lease: str) -> Listed:
    """A lease that is still held."""
    try:
        wanted = UUID(lease)
    except ValueError:
        raise NotFound from None
    before = UUID(int=max(wanted.int - 1, 0))
    found = run_flow(list_leases(request.actor, request.call, namespace, after=before, limit=1))
    if not found.items or found.items[0].lease.id != wanted:
        raise NotFound
    return found.items[0]


def _may_end(request: ConsoleRequest, namespace: str) -> bool:
    def flow() -> Flow[bool]:
        configuration = yield from load_configuration_for(request.actor)
        rules = yield from namespace_rules(configuration, namespace)
        judge = yield from judge_for(configuration, request.actor, request.call)
        return judge.decide("state.break_lease", rules.entry("", {})).allowed

    return run_flow(flow())


def _crumbs(
    request: ConsoleRequest, namespace: str, title: str, *, is_last: bool = True
) -> list[Crumb]:
    return [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(namespace, address(request, "namespace", namespace)),
        Crumb(title, "" if is_last else address(request, "leases", namespace)),
    ]
