"""Access to one object: who can do what there and why, and the grants that reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.access.words import MOST_ASKED, First, columns, said
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.grants.access import USUAL, principals_page
from governance.grants.acts import giver, readable
from governance.grants.holding import Giver
from governance.grants.lists import Filter, readable_grants
from governance.grants.models import Grant
from governance.grants.objects import Target
from governance.grants.queries import grants_reaching, newest
from governance.grants.reports import who_can
from governance.grants.words import actions_of, meant
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import Malformed
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
MOST_GRANTS = 100
KINDS: dict[Literal["member", "agent"], str] = {"member": "Members", "agent": "Agents"}


@dataclass(frozen=True, slots=True)
class Tab:
    value: str
    label: str
    url: str


@page
def overview(request: ConsoleRequest) -> HttpResponse:
    """Access to the tenant as a whole."""
    return _page(request, "tenant", request.tenant.tenant_slug)


@page
def access_to(request: ConsoleRequest, kind: str, name: str) -> HttpResponse:
    """Access to one namespace, agent or policy."""
    return _page(request, kind, name)


def _page(request: ConsoleRequest, kind: str, name: str) -> HttpResponse:
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        by = giver(request.actor, request.call)
        target = readable(by, kind, name)
        reaching = newest(tenant_id, grants_reaching(tenant_id, target), MOST_GRANTS)
        # The first of those the reader may list: the sentence is about them, and so is the table.
        first = {
            one: principals_page(tenant_id, one, after=None, limit=MOST_ASKED)
            for one in KINDS
            if by.may(f"{one}.read", Resource(one, ""))
        }
        context = _about(request, by, target, reaching)
        context["said"] = said(by.book, target, first)
        context |= _table(request, by, target, first, reaching)
    return render(request, "access/object.html", context)


def _table(
    request: ConsoleRequest, by: Giver, target: Target, first: First, known: list[Grant]
) -> dict[str, Any]:
    """A page of one kind of principal, each with what they may do."""
    after = cursor_id(request)
    shown: dict[str, Any] = {
        "cursor": request.GET.get("cursor", ""),
        "tabs": [Tab(one, KINDS[one], f"?show={one}") for one in first],
    }
    of = next((one for one in first if one == request.GET.get("show")), next(iter(first), None))
    if of is None:
        return shown
    found, following = first[of][0][:ROWS], None
    if after is not None:
        found, following = principals_page(by.actor.tenant_id, of, after=after, limit=ROWS)
    elif len(first[of][0]) > ROWS:
        following = found[-1].id
    actions = USUAL[target.kind]
    return shown | {
        "of": of,
        "rows": who_can(by, target, found, actions, known=known),
        "columns": columns(target.kind, actions),
        "next_cursor": encode_cursor([str(following)]) if following else None,
    }


def _about(
    request: ConsoleRequest, by: Giver, target: Target, reaching: list[Grant]
) -> dict[str, Any]:
    concerned = set(actions_of(target.kind))
    return {
        "target": target,
        "grants": [one for one in reaching if concerned & set(meant(frozenset(one.actions)))],
        "more_grants": len(reaching) == MOST_GRANTS,
        "may_give": by.may("grant.manage", target.resource),
        "back": address_of(request, target.kind, target.id),
        "crumbs": crumbs(request, target),
    }


@page
def grants(request: ConsoleRequest) -> HttpResponse:
    """Every grant of the tenant that the reader may know of, newest first."""
    with tenant_scope(request.tenant.tenant_id):
        found, following = readable_grants(
            request.actor, request.call, Filter(before=cursor_id(request)), limit=ROWS
        )
    ended = sum(one.has_ended for one in found)
    is_all = following is None and not request.GET.get("cursor")
    context = {
        "grants": found,
        "said": _grants_said(len(found), ended, is_all=is_all),
        "next_cursor": encode_cursor([str(following)]) if following else None,
        "cursor": request.GET.get("cursor", ""),
        "crumbs": [Crumb("Access", address(request, "access")), Crumb("Grants")],
    }
    return render(request, "access/grants.html", context)


def _grants_said(count: int, ended: int, *, is_all: bool) -> str:
    if not count:
        return "Nothing was granted on any single object: roles and policies alone decide."
    begin = f"{'' if is_all else 'On this page '}{count - ended} of {count} grants are in force"
    return f"{begin}{f'; {ended} ended by themselves' if ended else ''}."


def crumbs(request: ConsoleRequest, target: Target, *then: str) -> list[Crumb]:
    """The way to an object's access, and on to ``then``."""
    way = [Crumb("Access", address(request, "access"))]
    if target.kind != "tenant":
        way.append(Crumb(target.name, address(request, "access_to", target.kind, target.id)))
    if not then:
        way[-1] = Crumb(way[-1].title)
    return [*way, *(Crumb(one) for one in then)]


def address_of(request: ConsoleRequest, kind: str, name: str) -> str:
    """The object's own page; empty where it has none."""
    return "" if kind == "tenant" else address(request, kind, name)


def cursor_id(request: ConsoleRequest) -> UUID | None:
    cursor = request.GET.get("cursor", "")
    if not cursor:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None
