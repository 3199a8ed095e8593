"""What a person does about keys. Each says what it does, and how much of it, before the button."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.keys import destroying, queries, services
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.kernel.errors import Conflict, StatewardError, Unprocessable

UNFIT = (Conflict, Unprocessable)


@require_POST
@page
def rotate(request: ConsoleRequest, namespace: str) -> HttpResponse:
    version = services.rotate_key(request.actor, request.call, namespace)
    said = f"Version {version} seals from now on. Old values are being sealed anew."
    messages.success(request, said)
    return redirect(address(request, "key", namespace))


@require_POST
@page
def reencrypt(request: ConsoleRequest, namespace: str) -> HttpResponse:
    services.reencrypt_now(request.actor, request.call, namespace)
    messages.success(request, "Old values are being sealed anew; Jobs shows how far it is.")
    return redirect(address(request, "key", namespace))


@require_POST
@page
def count(request: ConsoleRequest, namespace: str) -> HttpResponse:
    found = services.count_now(request.actor, request.call, namespace)
    many = sum(one.rows for one in found)
    messages.success(request, f"Counted: {many:,} values.")
    return redirect(address(request, "key", namespace))


@require_POST
@page
def rule(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """Seal each person's values under a key of their own, or no more."""
    path = request.POST.get("path", "").strip() or None
    try:
        services.set_subject_rule(request.actor, request.call, namespace, path)
    except Unprocessable as fault:
        messages.error(request, f"The rule was not saved. {fault.sentence()}")
    else:
        said = f"Who is named at {path} has a key of their own from now on." if path else "No rule."
        messages.success(request, said)
    return redirect(address(request, "key", namespace))


@require_POST
@page
def rotate_tenant(request: ConsoleRequest) -> HttpResponse:
    keys = services.rotate_tenant(request.actor, request.call)
    words = "1 data key is" if keys == 1 else f"{keys} data keys are"
    messages.success(request, f"{words} wrapped under a new tenant key. No value was touched.")
    return redirect(address(request, "keys"))


@page
def compromise(request: ConsoleRequest, namespace: str, version: int) -> HttpResponse:
    """Say that somebody else may have a version."""
    found = queries.custody_of(request.actor, request.call, namespace)
    fault = ""
    if request.method == "POST":
        try:
            services.mark_compromised(
                request.actor, request.call, namespace, version,
                reason=request.POST.get("reason", ""),
            )  # fmt: skip
        except UNFIT as error:
            fault = _sentence(error)
        else:
            said = f"Version {version} is compromised. What was under it is listed here."
            messages.success(request, said)
            return redirect(address(request, "key_values", namespace, version))
    one = next((one for one in found.versions if one.version == version), None)
    context = {
        "name": namespace,
        "version": version,
        "is_active": one is not None and one.state == "active",
        "values": found.under(one) if one else 0,
        "fault": fault,
    }
    return render(request, "keys/compromise.html", context, status=422 if fault else 200)


@page
def destroy(request: ConsoleRequest, namespace: str, version: int | None = None) -> HttpResponse:
    """Have a key, or one version of it, destroyed, after its namespace was typed."""
    found = queries.custody_of(request.actor, request.call, namespace)
    fault = ""
    if request.method == "POST":
        if request.POST.get("typed", "").strip() != namespace:
            fault = "What you typed is not the namespace. The key stands."
        else:
            answer = _destroy(request, namespace, version)
            if isinstance(answer, HttpResponse):
                return answer
            fault = answer
    context = {
        "name": namespace,
        "version": version,
        "custody": found,
        "entries": found.rows("entries"),
        "revisions": found.rows("revisions"),
        "fault": fault,
        "crumbs": [Crumb("Keys", address(request, "keys")), Crumb(namespace)],
    }
    return render(request, "keys/destroy.html", context, status=422 if fault else 200)


@require_POST
@page
def undo(request: ConsoleRequest, destruction_id: UUID) -> HttpResponse:
    undone = destroying.undo(request.actor, request.call, destruction_id)
    messages.success(request, f"The key of {undone.namespace_name} stays.")
    return redirect(address(request, "key", undone.namespace_name))


def _destroy(request: ConsoleRequest, namespace: str, version: int | None) -> HttpResponse | str:
    """Where to go on; or what stands in the way, in a sentence."""
    reason = request.POST.get("reason", "")
    asked = (request.actor, request.call, namespace)
    try:
        made = destroying.destroy_later(*asked, version=version, reason=reason)
    except ApprovalNeeded as waits:
        known = waits.members.get("approval")
        try:
            request_id = (
                known or destroying.ask_to_destroy(*asked, version=version, reason=reason).id
            )
        except UNFIT as error:
            return _sentence(error)
        messages.info(request, f"{waits.detail} The key stands until then.")
        return redirect(address(request, "approval", request_id))
    except UNFIT as error:
        return _sentence(error)
    said = f"It is destroyed on {made.due_at:%d %b %Y, %H:%M} UTC, unless somebody undoes it."
    messages.success(request, said)
    return redirect(address(request, "key", namespace))


def _sentence(error: StatewardError) -> str:
    return error.sentence()
