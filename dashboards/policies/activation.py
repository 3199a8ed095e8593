"""What puts a version in force, takes a policy out, or undoes the last change; and asking those who
have to agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.policies.beside import LEVEL_WORDS, levels
from dashboards.policies.policies import about, version_shown
from dashboards.requests import ConsoleRequest, address, page
from governance.policies import services
from governance.policies.queries import activations_of, readable_policy
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import needed
from stateward.gate.policy.levels import LEVELS, Level
from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)


@dataclass(frozen=True, slots=True)
class Act:
    """A consequence: what does it, answering what to say; and what asks others to agree to it."""

    do: Callable[[Policy, PolicyVersion], str]
    ask: Callable[[Policy, PolicyVersion], ApprovalRequest]


@page
def activate(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """Put a version in force, as firmly as is chosen."""
    level = _level(request)
    reason = request.POST.get("reason", "")

    def do(found: Policy, shown: PolicyVersion) -> str:
        services.activate(request.actor, request.call, found.id, version=shown.number, level=level)
        what = LEVEL_WORDS[level][1]
        return f"Version {shown.number} of {found.name} is in force. From now on it {what}."

    def ask(found: Policy, shown: PolicyVersion) -> ApprovalRequest:
        return services.ask_to_activate(
            request.actor, request.call, found.id,
            version=shown.number, level=level, reason=reason,
        )  # fmt: skip

    return _sheet(request, policy_id, "policies/activate.html", Act(do, ask))


@page
def deactivate(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """Take the policy out of force."""

    def do(found: Policy, _: PolicyVersion) -> str:
        services.deactivate(request.actor, request.call, found.id)
        return f"{found.name} is out of force. Its versions stay."

    def ask(found: Policy, _: PolicyVersion) -> ApprovalRequest:
        reason = request.POST.get("reason", "")
        return services.ask_to_activate(
            request.actor, request.call, found.id, version=None, reason=reason
        )

    return _sheet(request, policy_id, "policies/deactivate.html", Act(do, ask))


@page
def roll_back(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """Put in force what was in force before the last change; in an emergency without asking."""
    reason = request.POST.get("reason", "")
    is_emergency = bool(request.POST.get("emergency"))

    def do(found: Policy, _: PolicyVersion) -> str:
        now = services.roll_back(
            request.actor, request.call, found.id, is_emergency=is_emergency, reason=reason
        )
        if now.active_version is None:
            return f"{found.name} is out of force, as it was before."
        return f"Version {now.active_version} of {found.name} is in force again."

    def ask(found: Policy, _: PolicyVersion) -> ApprovalRequest:
        with tenant_scope(found.tenant_id):
            last = activations_of(found).order_by("-id")[0]
        return services.ask_to_activate(
            request.actor, request.call, found.id,
            version=last.from_version, level=last.from_level, reason=reason,
        )  # fmt: skip

    return _sheet(request, policy_id, "policies/roll_back.html", Act(do, ask))


def _level(request: ConsoleRequest) -> Level:
    said = request.POST.get("level") or request.GET.get("level")
    return next((level for level in LEVELS if level == said), "hard")


def _sheet(request: ConsoleRequest, policy_id: UUID, template: str, act: Act) -> HttpResponse:
    """GET says what it would do, POST does it unless what is in force changed since; where others
    have to agree first, it asks them.
    """
    with tenant_scope(request.tenant.tenant_id):
        found = readable_policy(request.actor, request.call, policy_id)
        shown, texts = version_shown(found, request.GET.get("version"))
        context = about(request, found, shown, texts)
        context["needed"] = needed(found.tenant_id, "policy.activate")
    context |= {"levels": levels(), "level": _level(request)}
    if request.method == "POST":
        if request.POST.get("in_force") != str(found.active_version or ""):
            context["stale"] = True
        else:
            try:
                said = act.do(found, shown)
            except ApprovalNeeded as waits:
                answer = _asked(request, found, shown, act, waits)
                if isinstance(answer, HttpResponse):
                    return answer
                context["fault"] = answer
            except UNFIT as error:
                context["fault"] = error
            else:
                messages.success(request, said)
                return redirect(address(request, "policy", policy_id))
    status = 412 if context.get("stale") else 422 if context.get("fault") else 200
    return render(request, template, context, status=status)


def _asked(
    request: ConsoleRequest, found: Policy, shown: PolicyVersion, act: Act, waits: ApprovalNeeded
) -> HttpResponse | Conflict | Unprocessable:
    """To the request that others see; or why they could not be asked."""
    asked = waits.members.get("approval")
    try:
        asked = asked or act.ask(found, shown).id
    except UNFIT as error:
        return error
    messages.info(request, "Nothing has changed yet: others have to agree first.")
    return redirect(address(request, "approval", asked))
