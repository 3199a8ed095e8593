"""Keys of agents: issued and shown once, rotated with an overlap, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.people.agents import about, key_of
from dashboards.people.forms import CredentialForm, RotationForm
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.people.services import credentials as services
from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, NotFound, Unprocessable
from stateward.tenancy.models import Credential
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)


@page
def create(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """A new key of an agent. The answer shows it, once."""
    context = about(request, agent_id)
    form = CredentialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with tenant_scope(request.tenant.tenant_id):
                issued = services.issue_credential(
                    actor=request.actor,
                    call=request.call,
                    holder=context["agent"],
                    label=data["label"],
                    scopes=data["scopes"] or None,
                    expires_at=now() + timedelta(days=data["days"]),
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            return _secret(request, context, issued)
    context |= {"form": form, "crumbs": _crumbs(request, context, "New key")}
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
            return _secret(request, context, issued, instead_of=context["key"].credential)
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
        return redirect(address(request, "agent", context["agent"].id))
    return render(request, "people/credential_revoke.html", context)


def _of_credential(request: ConsoleRequest, credential_id: UUID) -> dict[str, Any]:
    with tenant_scope(request.tenant.tenant_id):
        found = Credential.objects.filter(
            tenant_id=request.tenant.tenant_id, id=credential_id, agent__isnull=False
        ).first()
    if found is None or found.agent_id is None:
        raise NotFound
    context = about(request, found.agent_id)
    context["key"] = key_of(found)
    context["crumbs"] = _crumbs(request, context, found.label or str(found))
    return context


def _secret(
    request: ConsoleRequest,
    context: dict[str, Any],
    issued: services.Issued,
    instead_of: Credential | None = None,
) -> HttpResponse:
    if instead_of is not None:
        with tenant_scope(request.tenant.tenant_id):
            instead_of = Credential.objects.get(id=instead_of.id)
    context |= {
        "issued": issued,
        "instead_of": instead_of,
        "crumbs": _crumbs(request, context, "New key"),
    }
    return render(request, "people/secret.html", context, status=201)


def _crumbs(request: ConsoleRequest, context: dict[str, Any], last: str) -> list[Crumb]:
    found = context["agent"]
    return [
        Crumb("Agents", address(request, "agents")),
        Crumb(found.name, address(request, "agent", found.id)),
        Crumb(last),
    ]
