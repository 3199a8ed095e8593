"""What people type about subject requests."""

from __future__ import annotations

from django import forms

from dashboards.privacy.words import KIND_SAYS, KINDS
from governance.privacy.identifiers import MAX_POINTER


class RequestForm(forms.Form):
    """A request that has come in."""

    kind = forms.ChoiceField(
        label="What is asked for",
        choices=[(name, f"{word}: {KIND_SAYS[name].lower()}") for name, word in KINDS.items()],
        widget=forms.RadioSelect,
    )
    reference = forms.CharField(max_length=100)
    identifiers = forms.CharField(
        label="Who it is",
        max_length=8_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )
    purpose = forms.CharField(label="Purpose", required=False, max_length=100)
    note = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def named(self) -> list[tuple[str, str]]:
        """The identifiers, one ``kind=value`` a line."""
        lines = filter(None, map(str.strip, self.cleaned_data["identifiers"].splitlines()))
        split = [line.partition("=") for line in lines]
        return [(kind.strip(), value.strip()) for kind, _, value in split]

    def clean_identifiers(self) -> str:
        text: str = self.cleaned_data["identifiers"]
        for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
            if "=" not in line:
                raise forms.ValidationError(f"Line {number} is not kind=value.")
        return text


class DeclarationForm(forms.Form):
    """Where persons are named."""

    kind = forms.CharField(label="Kind of identifier", max_length=40)
    source = forms.ChoiceField(
        label="It stands",
        choices=[("value", "in the value, at a pointer"), ("key", "in the key")],
        initial="value",
    )
    path = forms.CharField(label="Where", max_length=MAX_POINTER, strip=False)
    namespace = forms.CharField(required=False, max_length=640)
