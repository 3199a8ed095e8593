"""What is done with a request from its page: each act says what it comes to before the button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.requests import ConsoleRequest, address, page
from governance.privacy.api.requests import certificate_response, copy_response
from governance.privacy.models import SubjectRequest
from governance.privacy.services import answering, erasing, requests
from stateward.gate.approvals.services import needed
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import Conflict, NotFound, Unprocessable
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)


@dataclass(frozen=True, slots=True)
class Act:
    """One act, as it is asked about and said afterwards."""

    title: str
    text: str
    button: str
    done: str
    run: Callable[[ConsoleRequest, UUID, str], object]
    is_danger: bool = False
    needs_reason: bool = True


ACTS: dict[str, Act] = {
    "extend": Act(
        "Put the answer off?",
        "The answer is then due 60 days later. It can be put off once, and the person must be told"
        " why within the first month (GDPR 12).",
        "Put off by 60 days",
        "The answer is put off by 60 days.",
        lambda request, one, reason: requests.extend_request(
            request.actor, request.call, one, reason=reason
        ),
    ),
    "refuse": Act(
        "Refuse the request?",
        "It is answered without being done, for a reason that the law knows.",
        "Refuse 1 request",
        "The request is refused.",
        lambda request, one, reason: requests.close_request(
            request.actor, request.call, one, state="refused", reason=reason
        ),
        is_danger=True,
    ),
    "withdraw": Act(
        "Close it as withdrawn?",
        "The person took the request back. Nothing is done.",
        "Close 1 request",
        "The request is closed.",
        lambda request, one, reason: requests.close_request(
            request.actor, request.call, one, state="withdrawn", reason=reason
        ),
    ),
    "answer": Act(
        "Has the person their copy?",
        "The request is done, and its certificate is signed.",
        "Answer 1 request",
        "The request is answered.",
        lambda request, one, reason: answering.answer_request(
            request.actor, request.call, one, reason=reason
        ),
    ),
    "restrict": Act(
        "Restrict the processing?",
        "From the next statement on, nobody changes what names the person, and it is read for the"
        " purpose named and no other, by agents, people and owners alike. What names the person"
        " later is restricted too.",
        "Restrict this person's entries",
        "The processing is restricted.",
        lambda request, one, reason: answering.restrict_subject(request.actor, request.call, one),
        needs_reason=False,
    ),
    "lift": Act(
        "Lift the restriction?",
        "The entries are read and changed as before. The person is told first (GDPR 18).",
        "Lift the restriction",
        "The restriction is lifted.",
        lambda request, one, reason: answering.lift_restriction(
            request.actor, request.call, one, reason=reason
        ),
    ),
}


@page
def act(request: ConsoleRequest, request_id: UUID, name: str) -> HttpResponse:
    """Ask about one act, and do it."""
    if name not in ACTS:
        raise Http404
    one = ACTS[name]
    with tenant_scope(request.tenant.tenant_id):
        permit(request.actor, request.call, "subject.manage", whole_tenant(request.actor))
        found = requests.find_request(request.tenant.tenant_id, request_id)
    fault = ""
    if request.method == "POST":
        try:
            one.run(request, request_id, request.POST.get("reason", ""))
        except UNFIT as error:
            fault = error.detail
        else:
            messages.success(request, one.done)
            return redirect(address(request, "subject", request_id))
    context = {"one": found, "act": one, "name": name, "fault": fault}
    return render(request, "privacy/act.html", context, status=422 if fault else 200)


@page
def erase(request: ConsoleRequest, request_id: UUID) -> HttpResponse:
    """What an erasure destroys and what it leaves, before the button; then asked for, or begun."""
    found, seen = erasing.look(request.actor, request.call, request_id)
    with tenant_scope(request.tenant.tenant_id):
        others = needed(request.tenant.tenant_id, erasing.ERASE)
    fault = ""
    if request.method == "POST":
        if request.POST.get("typed", "").strip() != found.reference:
            fault = "What you typed is not the reference. Nothing is erased."
        else:
            try:
                said = _erase(request, found, others)
            except UNFIT as error:
                fault = error.detail
            else:
                messages.success(request, said)
                return redirect(address(request, "subject", request_id))
    context = {"one": found, "seen": seen, "others": others, "fault": fault}
    return render(request, "privacy/erase.html", context, status=422 if fault else 200)


def _erase(request: ConsoleRequest, found: SubjectRequest, others: int) -> str:
    if others:
        reason = request.POST.get("reason", "")
        erasing.ask_to_erase(request.actor, request.call, found.id, reason=reason)
        return "Asked for. The erasure begins when somebody else agrees."
    erasing.erase_subject(request.actor, request.call, found.id)
    return "The erasure has begun."


@page
def copy(request: ConsoleRequest, request_id: UUID) -> HttpResponseBase:
    """The person's copy as a file; that it was made is recorded."""
    lines = answering.disclose(request.actor, request.call, request_id)
    return copy_response(request_id, lines)


@page
def certificate(request: ConsoleRequest, request_id: UUID) -> HttpResponse:
    with tenant_scope(request.tenant.tenant_id):
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        found = requests.find_request(request.tenant.tenant_id, request_id)
    if not found.certificate:
        raise NotFound
    return certificate_response(request_id, found.certificate)


@require_POST
@page
def take(request: ConsoleRequest, request_id: UUID) -> HttpResponse:
    """Take a request on oneself."""
    requests.assign_request(request.actor, request.call, request_id, assignee=request.actor.id)
    messages.success(request, "It is yours.")
    return redirect(address(request, "subject", request_id))
