"""Groups of members: made, filled, and what is granted to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.access.forms import GroupForm
from dashboards.access.objects import cursor_id
from dashboards.people.members import freshly_signed_in
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.state.forms import show_faults
from governance.grants.models import Group
from governance.grants.queries import grants_to, members_of, newest
from governance.grants.services import groups as services
from governance.people.acts import permit
from stateward.kernel.errors import Conflict, Forbidden, StatewardError, Unprocessable
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import encode_cursor

ROWS = 50
MOST = 200
MOST_COUNTED = 1_000  # of a group's members; no page counts without a bound
UNFIT = (Conflict, Forbidden, Unprocessable)


@page
def groups(request: ConsoleRequest) -> HttpResponse:
    """Every group, with how many are in it."""
    after = cursor_id(request)
    with tenant_scope(request.tenant.tenant_id):
        permit(request.actor, request.call, "grant.read", services.all_groups(request.actor))
        rows = Group.objects.filter(tenant_id=request.tenant.tenant_id)
        if after is not None:
            rows = rows.filter(id__gt=after)
        found = list(rows.order_by("id")[: ROWS + 1])
        may_manage = may(request, "grant.manage").allowed
    shown = found[:ROWS]
    context = {
        "groups": shown,
        "said": _said(len(shown), is_all=len(found) <= ROWS and after is None),
        "may_manage": may_manage,
        "next_cursor": encode_cursor([str(shown[-1].id)]) if len(found) > ROWS else None,
        "cursor": request.GET.get("cursor", ""),
        "crumbs": [Crumb("Access", address(request, "access")), Crumb("Groups")],
    }
    return render(request, "access/groups.html", context)


@page
@freshly_signed_in
def create(request: ConsoleRequest) -> HttpResponse:
    """An empty group; its members are the next step."""
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                made = services.create_group(
                    actor=request.actor, call=request.call, **form.cleaned_data
                )
        except (Conflict, Unprocessable) as error:
            show_faults(form, error)
        else:
            messages.success(request, f"Group {made.name} created. Nobody is in it yet.")
            return redirect(address(request, "access_group", made.id))
    context = {"form": form, "crumbs": [*_way(request), Crumb("New group")]}
    status = 422 if form.is_bound else 200
    return render(request, "access/group_new.html", context, status=status)


@page
def group(request: ConsoleRequest, group_id: UUID) -> HttpResponse:
    """One group: who is in it, and what is granted to it."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_group(request.actor, request.call, group_id)
        context = _about(request, found)
    return render(request, "access/group.html", context)


@require_POST
@page
@freshly_signed_in
def add(request: ConsoleRequest, group_id: UUID) -> HttpResponse:
    """Put a member into the group."""

    def act(member_id: UUID) -> str:
        added = services.add_member(
            actor=request.actor, call=request.call, group_id=group_id, member_id=member_id
        )
        return f"{added.member.person} is in, and holds what is granted to the group."

    return _change(request, group_id, act)


@require_POST
@page
@freshly_signed_in
def remove(request: ConsoleRequest, group_id: UUID) -> HttpResponse:
    """Take a member out of the group."""

    def act(member_id: UUID) -> str:
        services.remove_member(
            actor=request.actor, call=request.call, group_id=group_id, member_id=member_id
        )
        return "Taken out. What the group is granted is not theirs any more."

    return _change(request, group_id, act)


@page
@freshly_signed_in
def delete(request: ConsoleRequest, group_id: UUID) -> HttpResponse:
    """Delete the group with all that is granted to it."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_group(request.actor, request.call, group_id)
        context = _about(request, found)
    if request.method != "POST":
        return render(request, "access/group_delete.html", context)
    try:
        with tenant_scope(request.tenant.tenant_id):
            services.delete_group(actor=request.actor, call=request.call, group_id=group_id)
    except UNFIT as error:
        context["fault"] = _told(request, error)
        return render(request, "access/group_delete.html", context, status=error.status)
    messages.success(request, f"Group {found.name} is deleted; its members stay members.")
    return redirect(address(request, "access_groups"))


def _change(request: ConsoleRequest, group_id: UUID, act: Any) -> HttpResponse:
    back = redirect(address(request, "access_group", group_id))
    try:
        member_id = UUID(request.POST.get("member", ""))
    except ValueError:
        messages.error(request, "Choose a member.")
        return back
    try:
        with tenant_scope(request.tenant.tenant_id):
            said = act(member_id)
    except UNFIT as error:
        messages.error(request, _told(request, error).detail)
    else:
        messages.success(request, said)
    return back


def _told(request: ConsoleRequest, error: StatewardError) -> StatewardError:
    if error.status == 403:
        record(request, error)
    return error


def _about(request: ConsoleRequest, found: Group) -> dict[str, Any]:
    tenant_id = request.tenant.tenant_id
    find = request.GET.get("find", "").replace("\x00", "")[:100]
    after = cursor_id(request)
    rows = members_of(found).order_by("id")
    inside = list((rows.filter(id__gt=after) if after else rows)[: ROWS + 1])
    outside = Member.objects.filter(tenant_id=tenant_id).exclude(id=request.actor.id)
    outside = outside.exclude(id__in=members_of(found).values("member_id"))
    if find:
        outside = outside.filter(Q(person__name__icontains=find) | Q(person__email__icontains=find))
    grants = newest(tenant_id, grants_to(tenant_id, "group", found.id), MOST)
    may_manage = may(request, "grant.manage").allowed
    return {
        "group": found,
        "inside": inside[:ROWS],
        "count": len(rows.values_list("id")[:MOST_COUNTED]),
        "outside": list(outside.select_related("person")[:MOST]) if may_manage else [],
        "find": find,
        "grants": grants,
        "may_manage": may_manage,
        "next_cursor": encode_cursor([str(inside[ROWS - 1].id)]) if len(inside) > ROWS else None,
        "cursor": request.GET.get("cursor", ""),
        "crumbs": [*_way(request), Crumb(found.name)],
    }


def _way(request: ConsoleRequest) -> list[Crumb]:
    return [
        Crumb("Access", address(request, "access")),
        Crumb("Groups", address(request, "access_groups")),
    ]


def _said(count: int, *, is_all: bool) -> str:
    if not count:
        return "No groups yet: what is granted is granted to each by name."
    shown = f"{count} group{'' if count == 1 else 's'}"
    return f"{shown}{'' if is_all else ' shown'}. What is granted to a group, each member holds."
