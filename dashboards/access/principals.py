"""The other way round: what a member, an agent or a group can touch, and by what."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.access.objects import Tab
from dashboards.access.words import columns
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.grants.acts import giver
from governance.grants.reports import PrincipalReport, what_can
from governance.grants.words import OBJECT_TYPES, ObjectType
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
OBJECTS: tuple[tuple[ObjectType, str], ...] = (
    ("namespace", "Namespaces"),
    ("agent", "Agents"),
    ("policy", "Policies"),
    ("tenant", "Tenant"),
)


@page
def access_of(request: ConsoleRequest, kind: str, principal_id: UUID) -> HttpResponse:
    """What one principal can do, on the objects of a kind."""
    asked = request.GET.get("on", "namespace")
    of: ObjectType = next((one for one in OBJECT_TYPES if one == asked), "namespace")
    cursor = request.GET.get("cursor", "")
    after = str(decode_cursor(cursor, length=1)[0]) if cursor else ""
    with tenant_scope(request.tenant.tenant_id):
        report = what_can(
            giver(request.actor, request.call),
            (kind, str(principal_id)),
            of=of,
            after=after,
            limit=ROWS,
        )
    context = {
        "kind": kind,
        "principal": report.principal,
        "said": _said(report, of, is_all=report.following is None and not cursor),
        "rows": report.rows,
        "columns": columns(of, report.actions),
        "of": of,
        "tabs": [Tab(one, label, f"?on={one}") for one, label in OBJECTS],
        "grants": report.grants,
        "groups": report.groups,
        "next_cursor": encode_cursor([report.following]) if report.following else None,
        "cursor": cursor,
        "crumbs": _crumbs(request, kind, principal_id, report.principal.name),
    }
    return render(request, "access/principal.html", context)


def _said(report: PrincipalReport, of: str, *, is_all: bool) -> str:
    count = len(report.rows)
    noun = {"namespace": "namespaces", "agent": "agents", "policy": "policies"}.get(of, "tenant")
    if not count:
        return f"Nothing here that you may know of is open to {report.principal.name}."
    where = (
        "the tenant as a whole"
        if of == "tenant"
        else f"{count if is_all else f'at least {count}'} {noun}"
    )
    grants = [one for one in report.grants if not one.has_ended]
    given = (
        f"; {len(grants)} grant{'s are' if len(grants) != 1 else ' is'} theirs" if grants else ""
    )
    roles = ", ".join(report.principal.roles) or "no role"
    return f"{report.principal.name} ({roles}) can touch {where}{given}."


def _crumbs(request: ConsoleRequest, kind: str, one: UUID, name: str) -> list[Crumb]:
    place = "members" if kind == "member" else "agents"
    return [
        Crumb(place.capitalize(), address(request, place)),
        Crumb(name, address(request, kind, one)),
        Crumb("Access"),
    ]
