"""Giving and revoking, with the consequence said before the button."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.access.forms import GrantForm
from dashboards.access.objects import crumbs
from dashboards.people.members import freshly_signed_in
from dashboards.requests import ConsoleRequest, address, page, record
from dashboards.state.forms import show_faults
from governance.grants.acts import giver, manageable
from governance.grants.models import Grant, Group
from governance.grants.objects import Target, find_principal
from governance.grants.preview import preview_giving, preview_taking
from governance.grants.services.grants import Wanted, check, give, revoke
from governance.grants.words import AGENTS_OBJECTS, meant
from stateward.kernel.errors import Conflict, Forbidden, NotFound, StatewardError, Unprocessable
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope

MOST = 200  # of each kind of principal to choose from; ``?find=`` narrows them
UNFIT = (Conflict, Forbidden, NotFound, Unprocessable)


@page
@freshly_signed_in
def new(request: ConsoleRequest, kind: str, name: str) -> HttpResponse:
    """Say to whom and what; then what it would change; then give it."""
    find = request.GET.get("find", "").replace("\x00", "")[:100]
    with tenant_scope(request.tenant.tenant_id):
        target, _ = manageable(giver(request.actor, request.call), kind, name)
        chosen = request.POST.get("who") or request.GET.get("who", "")
        people = _principals(request, target, find, chosen)
    form = GrantForm(
        request.POST or None,
        kind=target.kind,
        principals=people,
        initial={"who": request.GET.get("who", "")},
    )
    context: dict[str, Any] = {
        "target": target,
        "form": form,
        "find": find,
        "is_narrowed": any(len(group) >= MOST for group in people.values()),
        "crumbs": crumbs(request, target, "Give access"),
    }
    if request.method == "POST" and form.is_valid():
        wanted = Wanted(object=(kind, name), **form.wanted())
        try:
            return _go_on(request, target, wanted, context)
        except UNFIT as error:
            _show(request, form, error)
    status = 422 if form.is_bound else 200
    return render(request, "access/give.html", context, status=status)


def _go_on(
    request: ConsoleRequest, target: Target, wanted: Wanted, context: dict[str, Any]
) -> HttpResponse:
    """Give it where that was the button; else say what it would change."""
    with tenant_scope(request.tenant.tenant_id):
        if request.POST.get("step") == "give":
            grant = give(actor=request.actor, call=request.call, wanted=wanted)
        else:
            by = giver(request.actor, request.call)
            principal = check(by, wanted, target)
            context |= {
                "principal": principal,
                "wanted": wanted,
                "preview": preview_giving(
                    by.book,
                    target,
                    (principal.kind, principal.id),
                    wanted.actions,
                    restricted=wanted.restricted,
                ),
                "single": meant(wanted.actions),
            }
            return render(request, "access/give_confirm.html", context)
    messages.success(request, f"Given to {grant.principal_name}. It holds from their next call on.")
    return redirect(_page_of(request, target))


@page
@freshly_signed_in
def take(request: ConsoleRequest, grant_id: UUID) -> HttpResponse:
    """Revoke a grant, after what that takes away was said."""
    with tenant_scope(request.tenant.tenant_id):
        grant = Grant.objects.filter(tenant_id=request.tenant.tenant_id, id=grant_id).first()
        if grant is None:
            raise NotFound
        by = giver(request.actor, request.call)
        target, _ = manageable(by, grant.object_type, grant.object_id)
        context: dict[str, Any] = {
            "grant": grant,
            "target": target,
            "preview": preview_taking(by.book, target, grant),
            "back": _page_of(request, target),
            "crumbs": crumbs(request, target, "Revoke"),
        }
    if request.method != "POST":
        return render(request, "access/revoke.html", context)
    try:
        with tenant_scope(request.tenant.tenant_id):
            revoke(actor=request.actor, call=request.call, grant_id=grant_id)
    except (Conflict, Forbidden) as error:
        record(request, error)
        context["fault"] = error
        return render(request, "access/revoke.html", context, status=error.status)
    messages.success(
        request, f"Revoked. {grant.principal_name} has lost it from their next call on."
    )
    return redirect(context["back"])


def _page_of(request: ConsoleRequest, target: Target) -> str:
    if target.kind == "tenant":
        return address(request, "access")
    return address(request, "access_to", target.kind, target.id)


def _principals(
    request: ConsoleRequest, target: Target, find: str, chosen: str
) -> dict[str, list[tuple[str, str]]]:
    """Whom one can choose, by kind; the chosen one among them whatever was looked for."""
    tenant_id = request.tenant.tenant_id
    people = Member.objects.filter(tenant_id=tenant_id).exclude(id=request.actor.id)
    groups = Group.objects.filter(tenant_id=tenant_id)
    if find:
        people = people.filter(Q(person__name__icontains=find) | Q(person__email__icontains=find))
        groups = groups.filter(name__icontains=find)
    found = {
        "Members": [
            (f"member:{one.id}", f"{one.person} ({one.person.email})")
            for one in people.select_related("person").order_by("id")[:MOST]
        ],
        "Groups": [(f"group:{one.id}", one.name) for one in groups.order_by("name")[:MOST]],
    }
    if target.kind in AGENTS_OBJECTS:
        agents = Agent.objects.filter(tenant_id=tenant_id).exclude(status=Agent.Status.RETIRED)
        if find:
            agents = agents.filter(name__icontains=find)
        found["Agents"] = [(f"agent:{one.id}", one.name) for one in agents.order_by("name")[:MOST]]
    if chosen and not any(value == chosen for group in found.values() for value, _ in group):
        kind, _, name = chosen.partition(":")
        try:
            one = find_principal(tenant_id, kind, name)
        except StatewardError:
            return found
        found["Chosen"] = [(chosen, one.name)]
    return found


def _show(request: ConsoleRequest, form: GrantForm, error: StatewardError) -> None:
    """A refusal belongs to the form, and into the audit like any."""
    if error.status == 403:
        record(request, error)
    for fault in error.errors:
        if fault.pointer == "/ends_at":
            form.add_error("ends", fault.message.capitalize())
            return
    show_faults(form, error)
