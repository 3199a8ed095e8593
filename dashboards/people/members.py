"""Members: who works in the tenant, as what, and who is invited to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import quote
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboards.people.forms import InvitationForm, RolesForm
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.people.acts import permit
from governance.people.queries import open_invitations
from governance.people.services import invitations
from governance.people.services import members as services
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import Conflict, Forbidden, NotFound, Unprocessable
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.sessions import SignInAgain, check_recent_sign_in

P = ParamSpec("P")
ROWS = 50
UNFIT = (Conflict, Unprocessable)


def freshly_signed_in(
    view: Callable[Concatenate[ConsoleRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Ask for the password again where the sign-in is old: a left browser must not change people.

    Asked before the form is shown, so that nothing typed is lost on the way.
    """

    @wraps(view)
    def ask(request: ConsoleRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            check_recent_sign_in(request)
        except SignInAgain:
            back = quote(request.get_full_path())
            return redirect(f"{reverse('account_reauthenticate')}?next={back}")
        return view(request, *args, **kwargs)

    return ask


@page
def members(request: ConsoleRequest) -> HttpResponse:
    """Everyone who works here, and who is invited."""
    cursor = request.GET.get("cursor", "")
    with tenant_scope(request.tenant.tenant_id):
        permit(request.actor, request.call, "member.read", Resource("member", ""))
        rows = Member.objects.filter(tenant_id=request.tenant.tenant_id).select_related("person")
        if cursor:
            rows = rows.filter(id__gt=UUID(str(decode_cursor(cursor, length=1)[0])))
        found = list(rows.order_by("id")[: ROWS + 1])
        invited = list(open_invitations(request.tenant.tenant_id).order_by("-id")[:ROWS])
        may_manage = may(request, "member.manage", "member").allowed
    shown = found[:ROWS]
    context = {
        "members": shown,
        "invited": invited,
        "said": _said(shown, len(invited), is_all=len(found) <= ROWS and not cursor),
        "may_manage": may_manage,
        "next_cursor": encode_cursor([str(shown[-1].id)]) if len(found) > ROWS else None,
        "cursor": cursor,
        "crumbs": [Crumb("Members")],
    }
    return render(request, "people/members.html", context)


@page
@freshly_signed_in
def member(request: ConsoleRequest, member_id: UUID) -> HttpResponse:
    """One member: their roles. POST gives exactly those chosen."""
    found = _find(request, member_id)
    form = RolesForm(request.POST or None, initial={"roles": found.roles})
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.change_roles(
                    actor=request.actor,
                    call=request.call,
                    member_id=member_id,
                    roles=form.cleaned_data["roles"],
                )
        except (*UNFIT, Forbidden) as error:
            _show(request, form, error)
        else:
            messages.success(
                request, f"{found.person} now is {', '.join(form.cleaned_data['roles'])}."
            )
            return redirect(address(request, "members"))
    crumbs = [Crumb("Members", address(request, "members")), Crumb(str(found.person))]
    context = {
        "member": found,
        "form": form,
        "is_self": found.id == request.actor.id,
        "crumbs": crumbs,
    }
    return render(request, "people/member.html", context, status=422 if form.is_bound else 200)


@page
@freshly_signed_in
def remove(request: ConsoleRequest, member_id: UUID) -> HttpResponse:
    """Take a member out of the tenant."""
    found = _find(request, member_id)
    context: dict[str, Any] = {
        "member": found,
        "crumbs": [
            Crumb("Members", address(request, "members")),
            Crumb(str(found.person), address(request, "member", member_id)),
            Crumb("Remove"),
        ],
    }
    if request.method == "POST":
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.remove_member(actor=request.actor, call=request.call, member_id=member_id)
        except Conflict as error:
            context["fault"] = error
            return render(request, "people/member_remove.html", context, status=409)
        messages.success(request, f"{found.person} is no member any more; their sessions ended.")
        return redirect(address(request, "members"))
    return render(request, "people/member_remove.html", context)


@require_POST
@page
@freshly_signed_in
def suspend(request: ConsoleRequest, member_id: UUID) -> HttpResponse:
    """Shut a member out, or let them in again."""
    found = _find(request, member_id)
    act = services.suspend_member if found.is_active else services.resume_member
    try:
        with tenant_scope(request.tenant.tenant_id):
            act(actor=request.actor, call=request.call, member_id=member_id)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        done = "shut out; their sessions ended" if found.is_active else "let in again"
        messages.success(request, f"{found.person} is {done}.")
    return redirect(address(request, "member", member_id))


@page
@freshly_signed_in
def invite(request: ConsoleRequest) -> HttpResponse:
    """Invite somebody by a one-time link, mailed and shown once."""
    form = InvitationForm(request.POST or None, initial={"roles": ["viewer"]})
    context: dict[str, Any] = {
        "form": form,
        "crumbs": [Crumb("Members", address(request, "members")), Crumb("Invite")],
    }
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                invited = invitations.invite(
                    actor=request.actor, call=request.call, **form.cleaned_data
                )
        except (*UNFIT, Forbidden) as error:
            _show(request, form, error)
        else:
            context["invited"] = invited
            return render(request, "people/invited.html", context, status=201)
    return render(request, "people/invite.html", context, status=422 if form.is_bound else 200)


@require_POST
@page
def withdraw(request: ConsoleRequest, invitation_id: UUID) -> HttpResponse:
    """Make an open invitation's link worthless."""
    with tenant_scope(request.tenant.tenant_id):
        invitations.withdraw_invitation(
            actor=request.actor, call=request.call, invitation_id=invitation_id
        )
    messages.success(request, "Invitation withdrawn. Its link opens nothing.")
    return redirect(address(request, "members"))


def _find(request: ConsoleRequest, member_id: UUID) -> Member:
    with tenant_scope(request.tenant.tenant_id):
        rows = Member.objects.select_related("person")
        found = rows.filter(tenant_id=request.tenant.tenant_id, id=member_id).first()
        if found is None:
            raise NotFound
        if found.id != request.actor.id:
            about = services.resource_of(found)
            permit(request.actor, request.call, "member.read", about, known_by="member.read")
    return found


def _show(request: ConsoleRequest, form: RolesForm, error: Any) -> None:
    """A rule about who may give what belongs to the form; a denial of the gate is a page."""
    if isinstance(error, Forbidden) and hasattr(error, "decision"):
        raise error
    show_faults(form, error)


def _said(found: list[Member], invited: int, *, is_all: bool) -> str:
    owners = sum("owner" in one.roles and one.is_active for one in found)
    out = sum(not one.is_active for one in found)
    count = len(found)
    begin = f"{count} member{'' if count == 1 else 's'}" if is_all else f"{count} members shown"
    parts = [begin, f"{owners} owner{'' if owners == 1 else 's'}"]
    if out:
        parts.append(f"{out} shut out")
    if invited:
        parts.append(f"{invited} invited")
    return ", ".join(parts) + "."
