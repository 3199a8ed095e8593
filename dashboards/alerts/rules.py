"""The rules with their heartbeat, how a tenant sets them, and what is held back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.alerts.forms import RuleForm, SuppressionForm
from dashboards.alerts.words import TONES
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.detection import queries
from governance.detection.heartbeat import Beat, heartbeats
from governance.detection.models import Suppression
from governance.detection.raising import name_of_subject
from governance.detection.rule import Subject
from governance.detection.rules import RULES
from governance.detection.services import rules as services
from governance.detection.settings import rules_in_force
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope

ROWS = 50
MOST_MEMBERS = 200
UNFIT = (Conflict, Unprocessable)


@page
def rules(request: ConsoleRequest) -> HttpResponse:
    """Every rule, when it was last evaluated, and what is held back."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        beats = heartbeats(tenant_id)
        held_back = list(
            queries.suppressions_of(tenant_id).filter(ends_at__gt=Now()).order_by("ends_at")[:ROWS]
        )
        names = {one.id: _name(tenant_id, one) for one in held_back}
        may_manage = may(request, "alert.manage").allowed
    context = {
        "beats": [(one, TONES[one.rule.severity]) for one in beats],
        "said": _said(beats, len(held_back)),
        "held_back": [(one, RULES.get(one.rule), names[one.id]) for one in held_back],
        "may_manage": may_manage,
        "crumbs": [Crumb("Alerts", address(request, "alerts")), Crumb("Rules")],
    }
    return render(request, "alerts/rules.html", context)


@page
def rule(request: ConsoleRequest, rule: str) -> HttpResponse:
    """One rule. POST sets it for this tenant."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        found = rules_in_force(tenant_id, [services.find_rule(rule)])
        beat = heartbeats(tenant_id, found)[0]
        may_manage = may(request, "alert.manage").allowed
        members = _members(tenant_id)
    one = beat.rule
    initial: dict[str, Any] = {f"t_{name}": value for name, value in one.thresholds.items()}
    initial |= {"enabled": one.enabled, "severity": one.severity, "owner": str(one.owner_id or "")}
    form = RuleForm(request.POST or None, initial=initial, rule=one.rule, members=members)
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(tenant_id):
                services.change_rule(
                    actor=request.actor, call=request.call, name=rule, fields=_fields(form)
                )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, "Saved. It holds from the next evaluation on.")
            return redirect(address(request, "detection_rules"))
    crumbs = [
        Crumb("Alerts", address(request, "alerts")),
        Crumb("Rules", address(request, "detection_rules")),
        Crumb(one.rule.title),
    ]
    owner = next((str(m.person) for m in members if m.id == one.owner_id), "whoever takes it up")
    context = {
        "beat": beat,
        "form": form,
        "crumbs": crumbs,
        "may_manage": may_manage,
        "owner": owner,
        "tone": TONES[one.severity],
        "thresholds": [(t, one.thresholds[t.name]) for t in one.rule.thresholds],
    }
    status = 422 if form.is_bound else 200
    return render(request, "alerts/rule.html", context, status=status)


@page
def suppress(request: ConsoleRequest) -> HttpResponse:
    """Hold a rule's alerts back, about one subject or any."""
    tenant_id = request.tenant.tenant_id
    asked = request.POST or request.GET
    kind = (asked.get("subject_type") or asked.get("type") or "").replace("\x00", "")[:16]
    about = (asked.get("subject_id") or asked.get("subject") or "").replace("\x00", "")[:128]
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "alert.manage", whole_tenant(request.actor))
        name = name_of_subject(tenant_id, Subject(kind, about)) if kind else ""
    initial = {"rule": asked.get("rule"), "subject_type": kind, "subject_id": about, "days": 7}
    form = SuppressionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        fields["ends_at"] = now() + timedelta(days=fields.pop("days"))
        try:
            with tenant_scope(tenant_id):
                services.suppress(actor=request.actor, call=request.call, fields=fields)
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, "Held back. What would have been said is counted.")
            return redirect(address(request, "detection_rules"))
    crumbs = [
        Crumb("Alerts", address(request, "alerts")),
        Crumb("Rules", address(request, "detection_rules")),
        Crumb("Hold back alerts"),
    ]
    context = {"form": form, "crumbs": crumbs, "about": name}
    status = 422 if form.is_bound else 200
    return render(request, "alerts/suppress.html", context, status=status)


@require_POST
@page
def lift(request: ConsoleRequest, suppression_id: UUID) -> HttpResponse:
    """Let a rule speak again."""
    try:
        with tenant_scope(request.tenant.tenant_id):
            services.lift_suppression(
                actor=request.actor, call=request.call, suppression_id=suppression_id
            )
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "It speaks again.")
    return redirect(address(request, "detection_rules"))


def _fields(form: RuleForm) -> dict[str, Any]:
    owner = form.cleaned_data["owner"]
    return {
        "enabled": form.cleaned_data["enabled"],
        "severity": form.cleaned_data["severity"],
        "owner": UUID(owner) if owner else None,
        "thresholds": form.thresholds,
    }


def _members(tenant_id: UUID) -> list[Member]:
    rows = Member.objects.filter(tenant_id=tenant_id, is_active=True).select_related("person")
    return list(rows.order_by("person__name")[:MOST_MEMBERS])


def _name(tenant_id: UUID, one: Suppression) -> str:
    if not one.subject_type:
        return "anybody"
    return name_of_subject(tenant_id, Subject(one.subject_type, one.subject_id))


def _said(beats: list[Beat], held_back: int) -> str:
    on = [one for one in beats if one.rule.enabled]
    late = [one for one in on if one.is_late]
    said = f"{len(on)} of {len(beats)} rules are on"
    if late and len(late) == len(on):
        said += ", and none is being evaluated: see that the worker runs"
    elif late:
        said += f", {len(late)} of them not evaluated in time"
    else:
        said += ", each evaluated in time"
    if held_back:
        said += f"; {held_back} suppression{'' if held_back == 1 else 's'} in force"
    return f"{said}."
