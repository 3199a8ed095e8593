"""Agents: who they are, what they may do, whether they are let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.alerts.risk import risk_panel
from dashboards.people.forms import AgentForm
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.people.acts import permit
from governance.people.services import agents as services
from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, Forbidden, Malformed, Unprocessable
from stateward.tenancy.models import Agent, Credential, Member
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
MOST_MEMBERS = 200
STALE = timedelta(days=30)
UNFIT = (Conflict, Unprocessable)


@dataclass(frozen=True, slots=True)
class Key:
    """A credential with what its state is called."""

    credential: Credential
    tone: str
    word: str

    @property
    def works(self) -> bool:
        return self.tone in {"ok", "warn"}


def key_of(credential: Credential) -> Key:
    moment = now()
    ends = credential.expires_at
    if credential.revoked_at is not None:
        return Key(credential, "", "Revoked")
    if ends is not None and ends <= moment:
        return Key(credential, "", "Ended")
    if credential.replaced_by is not None:
        return Key(credential, "warn", "Being replaced")
    if ends is not None and ends - moment < timedelta(days=14):
        return Key(credential, "warn", "Ends soon")
    return Key(credential, "ok", "Works")


@page
def agents(request: ConsoleRequest) -> HttpResponse:
    """Every agent, by name."""
    wanted = request.GET.get("name", "").replace("\x00", "")[:100]
    status = request.GET.get("status", "")
    after = _after(request.GET.get("cursor", ""))
    with tenant_scope(request.tenant.tenant_id):
        rows = Agent.objects.filter(tenant_id=request.tenant.tenant_id, name__gt=after)
        if wanted:
            rows = rows.filter(name__istartswith=wanted)
        if status in Agent.Status.values:
            rows = rows.filter(status=status)
        used = Max("credentials__last_used_at")
        shown, more = services.readable_agents(
            request.actor,
            request.call,
            rows.annotate(used_at=used).order_by("name"),
            limit=ROWS,
        )
        may_manage = may(request, "agent.manage", "agent").allowed
    context = {
        "agents": shown,
        "said": _said(shown, is_all=not more and not after),
        "wanted": wanted,
        "statuses": [
            {"value": value, "label": label, "url": _status_url(request, value)}
            for value, label in (("", "All"), *Agent.Status.choices)
        ],
        "status": status,
        "may_manage": may_manage,
        "next_cursor": encode_cursor([shown[-1].name]) if more else None,
        "cursor": request.GET.get("cursor", ""),
        "crumbs": [Crumb("Agents")],
    }
    return render(request, "people/agents.html", context)


@page
def agent(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """One agent with its credentials."""
    context = about(request, agent_id) | risk_panel(request, agent_id)
    return render(request, "people/agent.html", context)


@page
def create(request: ConsoleRequest) -> HttpResponse:
    """Register an agent; its first key is the next step."""
    with tenant_scope(request.tenant.tenant_id):
        members = _members(request)
    initial = {"risk_class": "limited", "roles": ["writer"], "owner": str(request.actor.id)}
    form = AgentForm(request.POST or None, initial=initial, members=members)
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                made = services.create_agent(
                    actor=request.actor, call=request.call, fields=_fields(form)
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, f"Agent {made.name} created. It needs a key to come in.")
            return redirect(address(request, "credential_new", made.id))
    crumbs = [Crumb("Agents", address(request, "agents")), Crumb("New agent")]
    context = {"form": form, "crumbs": crumbs, "is_new": True}
    status = 422 if form.is_bound else 200
    return render(request, "people/agent_form.html", context, status=status)


@page
def edit(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """Change what is told of an agent, and its roles."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_agent(request.actor, request.call, agent_id)
        members = _members(request)
    initial = {name: getattr(found, name) for name in (*services.DESCRIBED, "roles")}
    initial["owner"] = str(found.owner_id or "")
    form = AgentForm(request.POST or None, initial=initial, members=members)
    if request.method == "POST" and form.is_valid():
        fields = _fields(form)
        changed = {name: value for name, value in fields.items() if _differs(found, name, value)}
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.change_agent(
                    actor=request.actor, call=request.call, agent_id=agent_id, fields=changed
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, f"{fields['name']} saved. It holds from its next call on.")
            return redirect(address(request, "agent", agent_id))
    crumbs = [
        Crumb("Agents", address(request, "agents")),
        Crumb(found.name, address(request, "agent", agent_id)),
        Crumb("Edit"),
    ]
    context = {"form": form, "agent": found, "crumbs": crumbs}
    status = 422 if form.is_bound else 200
    return render(request, "people/agent_form.html", context, status=status)


@page
def pause(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """Refuse every call of an agent until someone resumes it."""
    context = about(request, agent_id)
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:1_000]
        try:
            with tenant_scope(request.tenant.tenant_id):
                paused = services.pause_agent(
                    actor=request.actor, call=request.call, agent_id=agent_id, reason=reason
                )
        except Conflict as error:
            context["fault"] = error
        else:
            messages.success(request, f"{paused.name} is paused: its next call is refused.")
            return redirect(address(request, "agent", agent_id))
    return render(request, "people/agent_pause.html", context)


@require_POST
@page
def resume(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """Let a paused agent in again."""
    with tenant_scope(request.tenant.tenant_id):
        resumed = services.resume_agent(actor=request.actor, call=request.call, agent_id=agent_id)
    messages.success(request, f"{resumed.name} is let in again.")
    return redirect(address(request, "agent", agent_id))


@page
def retire(request: ConsoleRequest, agent_id: UUID) -> HttpResponse:
    """End an agent for good, after its name was typed."""
    context = about(request, agent_id)
    if request.method == "POST":
        if request.POST.get("typed", "").strip() != context["agent"].name:
            context["fault"] = Malformed("What you typed is not this agent's name.")
            return render(request, "people/agent_retire.html", context, status=422)
        with tenant_scope(request.tenant.tenant_id):
            gone = services.retire_agent(actor=request.actor, call=request.call, agent_id=agent_id)
        messages.success(request, f"{gone.name} is retired and its keys are revoked.")
        return redirect(address(request, "agent", agent_id))
    return render(request, "people/agent_retire.html", context)


def about(request: ConsoleRequest, agent_id: UUID) -> dict[str, Any]:
    """What every page of one agent shows."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_agent(request.actor, request.call, agent_id)
        credentials = Credential.objects.filter(
            tenant_id=request.tenant.tenant_id, agent=found
        ).order_by("-id")[:ROWS]
        keys = [key_of(one) for one in credentials]
        owner = None
        if found.owner_id is not None:
            owners = Member.objects.select_related("person")
            owner = owners.filter(tenant_id=request.tenant.tenant_id, id=found.owner_id).first()
        manages = _may_manage(request, found)
    working = [one for one in keys if one.works]
    used = [one.credential for one in keys if one.credential.last_used_at is not None]
    latest = max(used, key=lambda one: one.last_used_at or now(), default=None)
    return {
        "agent": found,
        "keys": keys,
        "working": working,
        "latest": latest,
        "owner": owner,
        "may_manage": manages,
        "crumbs": [Crumb("Agents", address(request, "agents")), Crumb(found.name)],
    }


def _may_manage(request: ConsoleRequest, found: Agent) -> bool:
    """Whether its buttons would work; asked about this very agent, and not recorded."""
    try:
        permit(request.actor, request.call, "agent.manage", services.resource_of(found))
    except Forbidden:
        return False
    return found.status != Agent.Status.RETIRED


def _members(request: ConsoleRequest) -> list[Member]:
    rows = Member.objects.filter(tenant_id=request.tenant.tenant_id, is_active=True)
    return list(rows.select_related("person").order_by("person__name")[:MOST_MEMBERS])


def _fields(form: AgentForm) -> dict[str, Any]:
    fields = dict(form.cleaned_data)
    fields["owner"] = UUID(fields["owner"]) if fields["owner"] else None
    return fields


def _differs(found: Agent, name: str, value: Any) -> bool:
    if name == "owner":
        return found.owner_id != value  # type: ignore[no-any-return]  # a column of Django's
    if name == "roles":
        return set(found.roles) != set(value)
    return bool(getattr(found, name) != value)


def _after(cursor: str) -> str:
    place = decode_cursor(cursor, length=1)[0] if cursor else ""
    return place if isinstance(place, str) else ""


def _status_url(request: ConsoleRequest, value: str) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    query["status"] = value
    if not value:
        del query["status"]
    return f"?{query.urlencode()}"


def _said(found: Sequence[Agent], *, is_all: bool) -> str:
    if not found:
        return ""
    paused = sum(one.status == Agent.Status.PAUSED for one in found)
    moment = now()
    idle = sum(
        one.status == Agent.Status.ACTIVE and (one.used_at is None or moment - one.used_at > STALE)  # type: ignore[attr-defined]
        for one in found
    )
    count = len(found)
    begin = f"{count} agent{'' if count == 1 else 's'}" if is_all else f"{count} agents shown"
    parts = [begin]
    if paused:
        parts.append(f"{paused} paused")
    parts.append(f"{idle} not seen for 30 days" if idle else "all seen within 30 days")
    return ", ".join(parts) + "."
