"""Search or jump to: what the palette asks for while one types, and a page without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from dashboards.icons import PATHS
from dashboards.navigation import exists
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from stateward.gate.policy.models import Policy
from stateward.state.models import Namespace
from stateward.state.services.namespaces import readable_namespaces
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope

EACH = 6  # found of each kind
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Item:
    title: str
    url: str
    icon: str
    where: str = ""
    mono: bool = False

    def as_dict(self) -> dict[str, object]:
        return {
            "title": self.title,
            "url": self.url,
            "icon": PATHS[self.icon],
            "where": self.where,
            "mono": self.mono,
        }


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    items: list[Item]


Search = Callable[[ConsoleRequest, str], Iterator[Item]]


@page
def find(request: ConsoleRequest) -> HttpResponse:
    """What of the tenant has ``q`` in its name and may be known to whoever asks."""
    words = request.GET.get("q", "").strip().replace("\x00", "")[:LONGEST]
    groups: list[Group] = []
    if words:
        with tenant_scope(request.tenant.tenant_id):
            groups = [
                Group(title, list(islice(search(request, words), EACH)))
                for title, search in SEARCHES.items()
            ]
    groups = [group for group in groups if group.items]
    if "application/json" in request.headers.get("Accept", ""):
        named = [
            {"title": group.title, "items": [item.as_dict() for item in group.items]}
            for group in groups
        ]
        return JsonResponse({"groups": named})
    context = {"words": words, "groups": groups, "crumbs": [Crumb("Search")]}
    return render(request, "finding/find.html", context)


def _records(request: ConsoleRequest, words: str) -> Iterator[Item]:
    try:
        wanted = UUID(words)
    except ValueError:
        return
    if exists("audit") and may(request, "audit.read", "audit_log").allowed:
        url = f"{address(request, 'audit')}?request_id={wanted}"
        yield Item(str(wanted), url, "document", "records of this request", mono=True)


def _namespaces(request: ConsoleRequest, words: str) -> Iterator[Item]:
    if not exists("namespace"):
        return
    found, _ = readable_namespaces(request.actor, request.call, limit=EACH, prefix=words)
    if not found:
        found = _inner_names(request, words)
    for one in found:
        url = address(request, "namespace", one.name)
        yield Item(one.name, url, "folder", one.classification, mono=True)


def _inner_names(request: ConsoleRequest, words: str) -> list[Namespace]:
    """Namespaces with ``words`` anywhere but in front, each asked for by its full name."""
    names = Namespace.objects.filter(
        tenant_id=request.tenant.tenant_id, deleted_at=None, name__icontains=words
    ).order_by("name")
    found: list[Namespace] = []
    for one in names[: 4 * EACH]:
        readable, _ = readable_namespaces(request.actor, request.call, limit=1, prefix=one.name)
        found += [match for match in readable if match.name == one.name]
    return found


def _agents(request: ConsoleRequest, words: str) -> Iterator[Item]:
    if not exists("agent") or not may(request, "agent.read").allowed:
        return
    matches = Q(name__icontains=words) | Q(team__icontains=words) | Q(framework__icontains=words)
    agents = Agent.objects.filter(matches, tenant_id=request.tenant.tenant_id)
    for agent in agents.order_by("name")[:EACH]:
        yield Item(agent.name, address(request, "agent", agent.id), "robot", agent.status)


def _policies(request: ConsoleRequest, words: str) -> Iterator[Item]:
    if not exists("policy") or not may(request, "policy.read").allowed:
        return
    policies = Policy.objects.filter(tenant_id=request.tenant.tenant_id, name__icontains=words)
    for policy in policies.order_by("name")[:EACH]:
        yield Item(policy.name, address(request, "policy", policy.id), "shield")


def _members(request: ConsoleRequest, words: str) -> Iterator[Item]:
    if not exists("members") or not may(request, "member.read").allowed:
        return
    matches = Q(person__name__icontains=words) | Q(person__email__icontains=words)
    members = Member.objects.filter(matches, tenant_id=request.tenant.tenant_id)
    for member in members.select_related("person").order_by("person__name")[:EACH]:
        url = f"{address(request, 'members')}#member-{member.id}"
        yield Item(str(member.person), url, "person", ", ".join(member.roles))


SEARCHES: dict[str, Search] = {
    "Records": _records,
    "Namespaces": _namespaces,
    "Agents": _agents,
    "Policies": _policies,
    "Members": _members,
}
