"""What people set of a rule, and what they hold back."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.detection.models import SEVERITIES
from governance.detection.rule import Rule
from governance.detection.rules import rules_of
from stateward.tenancy.models import Member

DAYS = ((1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days"))


class RuleForm(forms.Form):
    """One rule as this tenant has it; each threshold is a field of its own."""

    enabled = forms.BooleanField(required=False, label="Evaluate this rule")
    severity = forms.ChoiceField(choices=[(one, one.capitalize()) for one in SEVERITIES])
    owner = forms.TypedChoiceField(required=False, coerce=str, empty_value=None)

    def __init__(self, *args: Any, rule: Rule, members: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.TypedChoiceField)  # noqa: S101  # declared above
        people = [(str(one.id), str(one.person)) for one in members]
        owner.choices = [("", "whoever takes it up"), *people]
        for one in rule.thresholds:
            self.fields[f"t_{one.name}"] = forms.IntegerField(
                label=one.says,
                min_value=one.least,
                max_value=one.most,
                help_text=f"As shipped: {one.usual:,}. From {one.least:,} to {one.most:,}.",
            )

    @property
    def thresholds(self) -> dict[str, int]:
        named = self.cleaned_data.items()
        return {name.removeprefix("t_"): value for name, value in named if name.startswith("t_")}


class SuppressionForm(forms.Form):
    """Which rule says nothing, about whom, until when, and why."""

    rule = forms.ChoiceField()
    subject_type = forms.CharField(max_length=16, required=False, widget=forms.HiddenInput)
    subject_id = forms.CharField(max_length=128, required=False, widget=forms.HiddenInput)
    days = forms.TypedChoiceField(label="For", choices=DAYS, coerce=int, initial=7)
    reason = forms.CharField(max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rule = self.fields["rule"]
        assert isinstance(rule, forms.ChoiceField)  # noqa: S101  # declared above
        rule.choices = [(one.name, one.title) for one in rules_of("tenant")]
