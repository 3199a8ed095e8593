"""Where others have to agree before a rule deletes sooner: saving it asks them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from dashboards.requests import ConsoleRequest, address
from governance.retention.api.rules import loosening_said
from governance.retention.services.rules import ask_to_loosen
from governance.retention.terms import Terms
from stateward.gate.approvals.exceptions import AlreadyAsked


def ask_others(
    request: ConsoleRequest, *, name: str, terms: Terms | None, note: str
) -> HttpResponse:
    """Ask, and show what was asked for; once they agree the same is saved again."""
    said = loosening_said(name, terms)
    try:
        asked = ask_to_loosen(
            request.actor, request.call, name=name, terms=terms, summary=said, reason=note or said
        )
    except AlreadyAsked:
        messages.info(request, "It is asked for already. Once others agree, save the same again.")
        return redirect(address(request, "approvals"))
    messages.success(request, "Others have to agree first: asked for. Then save the same again.")
    return redirect(address(request, "approval", asked.id))
