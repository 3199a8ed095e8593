"""Keys of agents, and people's own tokens: issued and shown once, rotated with an overlap,
revoked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.people.agents import ROWS, about, key_of
from dashboards.people.forms import CredentialForm, RotationForm
from dashboards.people.members import freshly_signed_in
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.people.services import credentials as services
from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, NotFound, Unprocessable
from stateward.tenancy.models import Credential, Member
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)


@page
def create(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """A new key of an agent. The answer shows it, once."""
    context = _of_agent(request, agent_id)
    return _issue(request, context, context["agent"], "New key")


@page
def tokens(request: ConsoleRequest) -> HttpResponse:
    """A person's own tokens in this tenant."""
    context = _of_self(request) | {"crumbs": [Crumb("Your tokens")]}
    return render(request, "people/tokens.html", context)


@page
@freshly_signed_in
def create_token(request: ConsoleRequest) -> HttpResponse:
    """A new token of one's own. The answer shows it, once."""
    context = _of_self(request)
    return _issue(request, context, context["member"], "New token")


def _issue(
    request: ConsoleRequest, context: dict[str, Any], holder: services.Holder, title: str
) -> HttpResponse:
    form = CredentialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with tenant_scope(request.tenant.tenant_id):
                issued = services.issue_credential(
                    actor=request.actor,
                    call=request.call,
                    holder=holder,
                    label=data["label"],
                    scopes=data["scopes"] or None,
                    expires_at=now() + timedelta(days=data["days"]),
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            return _secret(request, context, issued, title)
    context |= {"form": form, "title": title, "crumbs": [*context["crumbs"], Crumb(title)]}
    status = 422 if form.is_bound else 200
    return render(request, "people/credential_new.html", context, status=status)


@page
def rotate(request: ConsoleRequest, credential_id: UUID) -> HttpResponse:
    """A new key in place of an old one, which works for a while yet."""
    context = _of_credential(request, credential_id)
    form = RotationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                issued = services.rotate_credential(
                    actor=request.actor,
                    call=request.call,
                    credential_id=credential_id,
                    overlap=form.span,
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            return _secret(
                request, context, issued, "New key", instead_of=context["key"].credential
            )
    context["form"] = form
    status = 422 if form.is_bound else 200
    return render(request, "people/credential_rotate.html", context, status=status)


@page
def revoke(request: ConsoleRequest, credential_id: UUID) -> HttpResponse:
    """End a key now."""
    context = _of_credential(request, credential_id)
    if request.method == "POST":
        with tenant_scope(request.tenant.tenant_id):
            services.revoke_credential(
                actor=request.actor, call=request.call, credential_id=credential_id
            )
        key = context["key"].credential
        messages.success(request, f"{key.label or key} is revoked: nobody comes in with it.")
        return redirect(context["back"])
    return render(request, "people/credential_revoke.html", context)


def _of_agent(request: ConsoleRequest, agent_id: UUID) -> dict[str, Any]:
    context = about(request, agent_id)
    found = context["agent"]
    back = address(request, "agent", found.id)
    crumbs = [Crumb("Agents", address(request, "agents")), Crumb(found.name, back)]
    return context | {"holder": found.name, "back": back, "crumbs": crumbs}


def _of_self(request: ConsoleRequest) -> dict[str, Any]:
    with tenant_scope(request.tenant.tenant_id):
        member = Member.objects.select_related("person").get(id=request.actor.id)
        rows = Credential.objects.filter(tenant_id=request.tenant.tenant_id, member=member)
        keys = [key_of(one) for one in rows.order_by("-id")[:ROWS]]
    back = address(request, "tokens")
    return {
        "member": member,
        "keys": keys,
        "working": [one for one in keys if one.works],
        "holder": request.actor.name,
        "back": back,
        "crumbs": [Crumb("Your tokens", back)],
    }


def _of_credential(request: ConsoleRequest, credential_id: UUID) -> dict[str, Any]:
    """Of an agent's key, or of one's own token; NotFound for another person's."""
    with tenant_scope(request.tenant.tenant_id):
        found = Credential.objects.filter(
            tenant_id=request.tenant.tenant_id, id=credential_id
        ).first()
    if found is not None and found.agent_id is not None:
        context = _of_agent(request, found.agent_id)
    elif found is not None and found.member_id == request.actor.id:
        context = _of_self(request)
    else:
        raise NotFound
    context["key"] = key_of(found)
    context["crumbs"] = [*context["crumbs"], Crumb(found.label or str(found))]
    return context


def _secret(
    request: ConsoleRequest,
    context: dict[str, Any],
    issued: services.Issued,
    title: str,
    instead_of: Credential | None = None,
) -> HttpResponse:
    if instead_of is not None:
        with tenant_scope(request.tenant.tenant_id):
            instead_of = Credential.objects.get(id=instead_of.id)
    context |= {
        "issued": issued,
        "instead_of": instead_of,
        "title": title,
        "crumbs": [*context["crumbs"], Crumb(title)],
    }
    return render(request, "people/secret.html", context, status=201)
