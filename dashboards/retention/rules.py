"""Retention: the rules by what they are about, one with its versions, and what a draft would do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.retention.asking import ask_others
from dashboards.retention.forms import ChangeRuleForm, NewRuleForm, TermsForm, initial_terms
from dashboards.retention.looking import look
from dashboards.retention.words import (
    STATE_WORDS,
    about,
    rules_said,
    says,
)
from dashboards.state.forms import show_faults
from governance.retention.batches import purge_batches
from governance.retention.queries import (
    RuleState,
    database_time,
    readable_rules,
    rule_state,
    unruled_namespaces,
)
from governance.retention.services import rules as services
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.operations.jobs.queries import latest_runs
from stateward.schedule import TIMETABLE
from stateward.tenancy.scope import run_flow, tenant_scope

UNFIT = (Conflict, Unprocessable)
PROOFS = 8
NAMES = 12
SWEEP = "retention.sweep"


@page
def retention(request: ConsoleRequest) -> HttpResponse:
    """Every rule, what has no rule, and what sweeps did."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        now = database_time()
        found = readable_rules(request.actor, request.call, now)
        newest = [rule for one in found if (rule := one.newest()) is not None]
        unruled = unruled_namespaces(tenant_id, now, rules=newest)
        proofs = run_flow(purge_batches(tenant_id, limit=PROOFS))
        last = run_flow(latest_runs([SWEEP], tenant_id)).get((SWEEP, True))
        may_manage = may(request, "retention.manage").allowed
    slot = next(one for one in TIMETABLE if one.name == SWEEP)
    namespaces_word = "namespace is" if len(unruled) == 1 else "namespaces are"
    context = {
        "rows": [_row(one) for one in found if one.word != "ended"],
        "ended": [_row(one) for one in found if one.word == "ended"],
        "said": rules_said(found, len(unruled), namespaces_word),
        "unruled": unruled[:NAMES],
        "unruled_count": len(unruled),
        "more_unruled": max(len(unruled) - NAMES, 0),
        "proofs": proofs,
        "last": last,
        "next_sweep": slot.following(now),
        "may_manage": may_manage,
        "crumbs": [Crumb("Retention")],
    }
    return render(request, "retention/retention.html", context)


@page
def create(request: ConsoleRequest) -> HttpResponse:
    """A new rule, beside what it would do."""
    initial = {"namespace": request.GET.get("namespace", "")[:640], "kind": "delete"}
    form = NewRuleForm(request.POST or None, initial=initial)
    shown: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            if "look" in request.POST:
                shown = look(request, form, None)
            else:
                made = services.create_rule(
                    request.actor,
                    request.call,
                    name=form.cleaned_data["name"].strip(),
                    terms=form.terms(),
                    note=form.cleaned_data["note"],
                )
                messages.success(request, _saved(made))
                return redirect(address(request, "retention_rule", made.rule.id))
        except ApprovalNeeded:
            data = form.cleaned_data
            return ask_others(
                request, name=data["name"].strip(), terms=form.terms(), note=data["note"]
            )
        except UNFIT as error:
            show_faults(form, error)
    crumbs = [Crumb("Retention", address(request, "retention")), Crumb("New rule")]
    context = {"form": form, "crumbs": crumbs, "is_new": True, **shown}
    status = 422 if form.is_bound and not shown else 200
    return render(request, "retention/rule_form.html", context, status=status)


@page
def rule(request: ConsoleRequest, rule_id: UUID) -> HttpResponse:
    """One rule. POST saves a new version of it."""
    with tenant_scope(request.tenant.tenant_id):
        state = rule_state(request.actor, request.call, rule_id, database_time())
        proofs = run_flow(purge_batches(request.tenant.tenant_id, limit=PROOFS, rule_id=rule_id))
        may_manage = may(request, "retention.manage").allowed
    form = ChangeRuleForm(request.POST or None, initial=initial_terms(state.shown_terms))
    shown: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            if "look" in request.POST:
                shown = look(request, form, rule_id)
            else:
                changed = services.change_rule(
                    request.actor,
                    request.call,
                    rule_id,
                    terms=form.terms(),
                    note=form.cleaned_data["note"],
                )
                messages.success(request, _saved(changed))
                return redirect(address(request, "retention_rule", rule_id))
        except ApprovalNeeded:
            note = form.cleaned_data["note"]
            return ask_others(request, name=state.rule.name, terms=form.terms(), note=note)
        except UNFIT as error:
            show_faults(form, error)
    crumbs = [Crumb("Retention", address(request, "retention")), Crumb(state.rule.name)]
    context = {
        **_row(state),
        "versions": [
            {"version": one, "says": _version_says(state, one)} for one in reversed(state.versions)
        ],
        "pending": state.standing.pending,
        "pending_says": _says_or_ends(state.newest_terms) if state.standing.pending else "",
        "proofs": proofs,
        "form": form,
        "may_manage": may_manage,
        "crumbs": crumbs,
        **shown,
    }
    status = 422 if form.is_bound and not shown else 200
    return render(request, "retention/rule.html", context, status=status)


@require_POST
@page
def draft_preview(request: ConsoleRequest) -> HttpResponse:
    """What the form's rule would do, for the panel beside it."""
    replaces = request.GET.get("rule", "")
    form = TermsForm(request.POST)
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            context = look(request, form, UUID(replaces) if replaces else None)
        except (Unprocessable, ValueError):
            context = {}
    return render(request, "retention/_preview.html", context)


@page
def end(request: ConsoleRequest, rule_id: UUID) -> HttpResponse:
    """End a rule: what that sets free, before the button."""
    fault = None
    if request.method == "POST":
        try:
            ended = services.end_rule(
                request.actor, request.call, rule_id, note=request.POST.get("note", "")
            )
        except ApprovalNeeded:
            with tenant_scope(request.tenant.tenant_id):
                state = rule_state(request.actor, request.call, rule_id, database_time())
            note = request.POST.get("note", "")
            return ask_others(request, name=state.rule.name, terms=None, note=note)
        except UNFIT as error:
            fault = error
        else:
            messages.success(request, _ended(ended))
            return redirect(address(request, "retention_rule", rule_id))
    with tenant_scope(request.tenant.tenant_id):
        now = database_time()
        state = rule_state(request.actor, request.call, rule_id, now)
        others = services.terms_beside(request.actor.tenant_id, rule_id, now)
    effect = services.effect_of(state.terms_in_force, None, others, now)
    context = {**_row(state), "fault": fault, "effect": effect, "waits": effect > now}
    return render(request, "retention/end.html", context, status=422 if fault else 200)


def _row(state: RuleState) -> dict[str, Any]:
    terms = state.shown_terms
    tone, word = STATE_WORDS[state.word]
    pending = state.standing.pending
    return {
        "rule": state.rule,
        "state": state.word,
        "tone": tone,
        "word": word,
        "says": says(state.terms_in_force or terms),
        "about": about((state.terms_in_force or terms).scope),
        "effect": pending.takes_effect_at if pending else None,
        "changed_at": state.versions[-1].created_at,
        "by": state.versions[-1].author_name,
    }


def _version_says(state: RuleState, version: Any) -> str:
    return _says_or_ends(version.terms(state.rule.kind))


def _says_or_ends(terms: Any) -> str:
    return f"{says(terms)}: {about(terms.scope)}" if terms is not None else "Ends the rule"


def _saved(state: RuleState) -> str:
    if state.standing.pending is None:
        return f"{state.rule.name} saved. It is in force."
    at = state.standing.pending.takes_effect_at
    return f"{state.rule.name} saved. It counts from {at:%d %b %Y %H:%M} UTC on, not before."


def _ended(state: RuleState) -> str:
    if state.standing.pending is None:
        return f"{state.rule.name} is over."
    at = state.standing.pending.takes_effect_at
    return f"{state.rule.name} ends on {at:%d %b %Y %H:%M} UTC; until then it stands."
