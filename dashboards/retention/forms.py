"""What people type about retention and holds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from dashboards.retention.words import CLOCK_WORDS
from dashboards.state.forms import choices
from governance.retention.services.holds import Custodian
from governance.retention.terms import CLOCKS, KINDS, MAX_DAYS, Scope, Terms
from stateward.state.models import CLASSIFICATIONS
from stateward.state.patterns import MAX_PATTERN
from stateward.tenancy.models import Agent, Member


class TermsForm(forms.Form):
    """What a rule says."""

    kind = forms.ChoiceField(
        label="What it does",
        choices=[("delete", "Deletes"), ("retain", "Keeps from being deleted")],
        widget=forms.RadioSelect,
        initial="delete",
    )
    days = forms.IntegerField(label="Days", min_value=0, max_value=MAX_DAYS)
    clock = forms.ChoiceField(
        label="Counted from when",
        choices=[(one, CLOCK_WORDS[one]) for one in CLOCKS],
        initial="created",
    )
    namespace = forms.CharField(required=False, max_length=640)
    key_pattern = forms.CharField(label="Keys", required=False, max_length=MAX_PATTERN, strip=False)
    classification = forms.ChoiceField(
        required=False, choices=[("", "any"), *choices(CLASSIFICATIONS)]
    )
    label = forms.CharField(required=False, max_length=320)
    erase_audit = forms.BooleanField(label="The audit forgets the key as well", required=False)
    note = forms.CharField(label="Why", required=False, max_length=2_000)

    def terms(self) -> Terms:
        data = self.cleaned_data
        scope = Scope(
            data["namespace"].strip(), data["key_pattern"], data["classification"],
            data["label"].strip(),
        )  # fmt: skip
        return Terms(data["kind"], scope, data["clock"], data["days"], data["erase_audit"])


class NewRuleForm(TermsForm):
    name = forms.CharField(max_length=100)
    field_order = ("name", "kind")


class ChangeRuleForm(TermsForm):
    """A rule stays of its kind."""

    kind = forms.ChoiceField(choices=[(one, one) for one in KINDS], widget=forms.HiddenInput)


def initial_terms(terms: Terms) -> dict[str, Any]:
    return {
        "kind": terms.kind,
        "days": terms.days,
        "clock": terms.clock,
        "namespace": terms.scope.namespace,
        "key_pattern": terms.scope.key_pattern,
        "classification": terms.scope.classification,
        "label": terms.scope.label,
        "erase_audit": terms.erase_audit,
    }


class HoldForm(forms.Form):
    """A hold that is to be placed."""

    matter = forms.CharField(max_length=100)
    reason = forms.CharField(max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}))
    namespace = forms.CharField(required=False, max_length=640)
    key_pattern = forms.CharField(label="Keys", required=False, max_length=MAX_PATTERN, strip=False)
    custodian = forms.TypedChoiceField(
        label="Last written by", required=False, coerce=str, empty_value=""
    )

    def __init__(
        self, *args: Any, agents: list[Agent], members: list[Member], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["custodian"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101  # declared above
        field.choices = [
            ("", "anybody"),
            ("Agents", [(f"agent:{one.id}", one.name) for one in agents]),
            ("Members", [(f"member:{one.id}", str(one.person)) for one in members]),
        ]

    def scope(self) -> dict[str, Any]:
        data = self.cleaned_data
        kind, _, number = data["custodian"].partition(":")
        custodian = Custodian(kind, UUID(number)) if number else None
        return {
            "namespace": data["namespace"].strip(),
            "key_pattern": data["key_pattern"],
            "custodian": custodian,
        }
