"""Tests beside a policy: a trial is kept as one, and one is taken away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboards.requests import ConsoleRequest, address, page
from governance.policies.cases import case_about, cases_of, set_cases
from governance.policies.queries import readable_policy
from governance.policies.questions import Asker, Question
from stateward.kernel.errors import StatewardError
from stateward.tenancy.scope import tenant_scope


@require_POST
@page
def keep(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """Keep the question that was tried, with the answer it must have from now on."""
    question = _question(request)
    expected = request.POST.get("expected", "")
    name = request.POST.get("name", "").strip() or f"{question.action} on {question.resource_id}"
    try:
        with tenant_scope(request.tenant.tenant_id):
            found = Asker(request.actor, request.call).find(question)
            policy = readable_policy(request.actor, request.call, policy_id)
            cases: list[dict[str, Any]] = cases_of(policy)
            cases.append(case_about(name[:100], expected, question, found))
            set_cases(request.actor, request.call, policy_id, cases)
    except StatewardError as error:
        if error.status == 403:
            raise
        messages.warning(request, error.detail)
    else:
        messages.success(request, "Kept as a test. It runs on every version from now on.")
    return redirect(address(request, "policy", policy_id))


@require_POST
@page
def remove(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """Take one test away, by its place in the list and its name."""
    said = request.POST.get("number", "")
    number = int(said) if said.isascii() and said.isdigit() and len(said) < 5 else 0
    with tenant_scope(request.tenant.tenant_id):
        policy = readable_policy(request.actor, request.call, policy_id)
        cases = cases_of(policy)
        if 1 <= number <= len(cases) and cases[number - 1]["name"] == request.POST.get("name"):
            del cases[number - 1]
            set_cases(request.actor, request.call, policy_id, cases)
            messages.success(request, "The test is gone.")
        else:
            messages.warning(request, "The tests have changed meanwhile; nothing was removed.")
    return redirect(address(request, "policy", policy_id))


def _question(request: ConsoleRequest) -> Question:
    given = {name: request.POST.get(name, "").strip() for name in ("who", "does", "kind", "on")}
    kind, _, principal = given["who"].partition(":")
    context = {
        "purpose": request.POST.get("purpose", ""),
        "source_address": request.POST.get("address", ""),
    }
    context = {name: text for name, text in context.items() if text}
    return Question(kind, principal, given["does"], given["kind"], given["on"], context)
