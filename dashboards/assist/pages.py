"""Ask the model about an entry, a namespace or a policy to be.

GET says what leaves and what does not, before there is a button; POST asks, and shows the answer
in a panel that says whose words they are. Where no answer comes the page says so, keeps what was
typed, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.rights import rights
from governance.assist import services
from governance.assist.answers import Assisted
from governance.assist.endpoint import require_on
from governance.assist.exceptions import (
    AssistLimit,
    BadSentence,
    ModelBusy,
    ModelUnavailable,
    UnusableAnswer,
)
from governance.assist.gathering import MOST_ENTRIES, MOST_VERSIONS
from stateward.state.models import Namespace
from stateward.state.services.namespaces import find_namespace
from stateward.tenancy.scope import tenant_scope
from stateward.web.drf.settling import RightsChanged

NO_ANSWER = (
    AssistLimit, BadSentence, ModelBusy, ModelUnavailable, RightsChanged, UnusableAnswer,
)  # fmt: skip


@page
def explain(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """What an entry holds and how it came to be so, in a machine's words."""
    found, allowed = _namespace(request, namespace, key)
    context = {
        "namespace": found,
        "allowed": allowed["ask"],
        "key": key,
        "most_versions": MOST_VERSIONS,
        "back": address(request, "entry", namespace, key),
        "crumbs": [
            Crumb("Namespaces", address(request, "namespaces")),
            Crumb(namespace, address(request, "namespace", namespace)),
            Crumb(key, address(request, "entry", namespace, key)),
            Crumb("Explanation"),
        ],
    }

    def ask() -> Assisted:
        return services.explain_entry(request.actor, request.call, namespace=namespace, key=key)

    return _answered(request, "assist/explain.html", context, ask)


@page
def anomalies(request: ConsoleRequest, name: str) -> HttpResponse:
    """What is odd among a namespace's entries, in a machine's words."""
    found, allowed = _namespace(request, name)
    context = {
        "namespace": found,
        "allowed": allowed["search"],
        "most_entries": MOST_ENTRIES,
        "back": address(request, "namespace", name),
        "crumbs": [
            Crumb("Namespaces", address(request, "namespaces")),
            Crumb(name, address(request, "namespace", name)),
            Crumb("Anomalies"),
        ],
    }

    def ask() -> Assisted:
        return services.find_anomalies(request.actor, request.call, namespace=name)

    return _answered(request, "assist/anomalies.html", context, ask)


@page
def draft(request: ConsoleRequest) -> HttpResponse:
    """A policy from a sentence: saved, read by a person, and in force only by a person's act."""
    require_on()
    with tenant_scope(request.tenant.tenant_id):
        allowed = may(request, "policy.draft").allowed and may(request, "model.use").allowed
    sentence = request.POST.get("sentence", "").strip()
    context = {
        "allowed": allowed,
        "sentence": sentence,
        "length": services.SENTENCE,
        "back": address(request, "policies"),
        "crumbs": [Crumb("Policies", address(request, "policies")), Crumb("Draft from a sentence")],
    }

    def ask() -> Assisted:
        return services.draft_policy(request.actor, request.call, sentence=sentence)

    response = _answered(request, "assist/draft.html", context, ask)
    answer = context.get("answer")
    if isinstance(answer, Assisted) and answer.policy is not None:
        messages.success(
            request,
            f"{answer.policy.name} drafted by a model, {answer.model}, as version 1. It is not in"
            " force: read it first.",
        )
        return redirect(address(request, "policy", answer.policy.id))
    return response


def _namespace(
    request: ConsoleRequest, name: str, key: str = ""
) -> tuple[Namespace, dict[str, bool]]:
    require_on()
    with tenant_scope(request.tenant.tenant_id):
        found = find_namespace(request.actor, request.call, name)
        return found, rights(request, name, key)


def _answered(
    request: ConsoleRequest, template: str, context: dict[str, Any], ask: Callable[[], Assisted]
) -> HttpResponse:
    """The page; after POST with the answer, or with the reason why there is none."""
    context |= {"model": settings.ASSIST_MODEL, "seconds": settings.ASSIST_SECONDS}
    status = 200
    if request.method == "POST":
        try:
            context["answer"] = ask()
        except NO_ANSWER as failure:
            context["failure"], status = failure, failure.status
    return render(request, template, context, status=status)
