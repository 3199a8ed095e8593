"""Classification rules: what is looked for where, and what follows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.classification.words import GROUP_WORDS, rule_says, title_of
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.classification import queries, services
from governance.classification.exceptions import NoSuchClassificationRule
from governance.classification.models import ClassificationRule
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.state.detectors.kinds import GROUPS, NAMES
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)
WHAT = [*((one, GROUP_WORDS[one].capitalize()) for one in GROUPS)]


class RuleForm(forms.Form):
    """What a rule says."""

    namespace = forms.CharField(required=False, max_length=640)
    kinds = forms.MultipleChoiceField(
        label="What counts",
        required=False,
        choices=[("Groups", WHAT), ("Single kinds", [(one, title_of(one)) for one in NAMES])],
        widget=forms.SelectMultiple(attrs={"size": 8}),
    )
    acts = forms.ChoiceField(
        label="What follows",
        choices=[("suggest", "It is suggested to raise"), ("raise", "It is raised at once")],
        widget=forms.RadioSelect,
        initial="suggest",
    )
    min_score = forms.IntegerField(
        label="Surely enough, in percent", min_value=1, max_value=100, initial=60
    )
    min_entries = forms.IntegerField(
        label="In so many entries", min_value=1, max_value=1_000_000, initial=1
    )
    follows = forms.BooleanField(label="Look at what is written, too", required=False)
    sample_percent = forms.IntegerField(
        label="Of what is written, in percent", min_value=1, max_value=100, initial=100
    )


@page
def rules(request: ConsoleRequest) -> HttpResponse:
    """Every rule, by the namespaces they are about."""
    with tenant_scope(request.tenant.tenant_id):
        found = queries.rules(request.actor, request.call)
        may_manage = may(request, "classification.manage").allowed
    context = {
        "rows": [(one, rule_says(one)) for one in found],
        "may_manage": may_manage,
        "crumbs": [Crumb("Classification", address(request, "classification")), Crumb("Rules")],
    }
    return render(request, "classification/rules.html", context)


@page
def create(request: ConsoleRequest) -> HttpResponse:
    form = RuleForm(
        request.POST or None, initial={"namespace": request.GET.get("namespace", "")[:640]}
    )
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        name = fields.pop("namespace").strip()
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.set_rule(request.actor, request.call, fields, namespace=name)
        except UNFIT as error:
            _show(form, error)
        else:
            messages.success(request, f"The rule for {name or 'every namespace'} is in force.")
            return redirect(address(request, "classification_rules"))
    with tenant_scope(request.tenant.tenant_id):
        queries.readable(request.actor, request.call)
    return _form(request, form, "New rule")


@page
def rule(request: ConsoleRequest, rule_id: UUID) -> HttpResponse:
    """Change a rule's terms. POST with ``end`` takes it away."""
    with tenant_scope(request.tenant.tenant_id):
        found = _find(request, rule_id)
        may_manage = may(request, "classification.manage").allowed
    if request.method == "POST" and "end" in request.POST:
        with tenant_scope(request.tenant.tenant_id):
            services.drop_rule(request.actor, request.call, rule_id)
        messages.success(request, "The rule is gone. What was raised stays as it is.")
        return redirect(address(request, "classification_rules"))
    initial = {name: getattr(found, name) for name in ("namespace", *services.FIELDS)}
    form = RuleForm(request.POST or None, initial=initial)
    form.fields["namespace"].disabled = True
    if request.method == "POST" and form.is_valid():
        fields = {name: form.cleaned_data[name] for name in services.FIELDS}
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.set_rule(request.actor, request.call, fields, rule_id=rule_id)
        except UNFIT as error:
            _show(form, error)
        else:
            messages.success(request, "The rule's new terms are in force.")
            return redirect(address(request, "classification_rules"))
    return _form(request, form, found.namespace or "Every namespace", rule=found, may=may_manage)


def _find(request: ConsoleRequest, rule_id: UUID) -> ClassificationRule:
    for one in queries.rules(request.actor, request.call):
        if one.id == rule_id:
            return one
    raise NoSuchClassificationRule


def _show(form: RuleForm, error: Any) -> None:
    if isinstance(error, Conflict):
        form.add_error("namespace", error.detail)
    else:
        show_faults(form, error)


def _form(request: ConsoleRequest, form: RuleForm, title: str, **more: Any) -> HttpResponse:
    crumbs = [
        Crumb("Classification", address(request, "classification")),
        Crumb("Rules", address(request, "classification_rules")),
        Crumb(title),
    ]
    context = {"form": form, "title": title, "crumbs": crumbs, **more}
    status = 422 if form.is_bound else 200
    return render(request, "classification/rule_form.html", context, status=status)
