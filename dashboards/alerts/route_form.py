"""A route as people fill it in: addresses a line each, times of day as a clock shows them."""

from __future__ import annotations

from datetime import time
from typing import Any

from django import forms

from governance.delivery.models import Route
from governance.detection.models import SEVERITIES
from governance.detection.rules import rules_of

AFTER = (
    (0, "As it opens"),
    (15, "If nobody acknowledges it for 15 min"),
    (30, "If nobody acknowledges it for 30 min"),
    (60, "If nobody acknowledges it for 1 hour"),
    (240, "If nobody acknowledges it for 4 hours"),
    (1440, "If nobody acknowledges it for 1 day"),
)
DIGEST = ((0, "Each by itself"), (15, "15 min"), (60, "1 hour"), (240, "4 hours"), (1440, "1 day"))


class RouteForm(forms.Form):
    """Whom to tell of which alerts, and when."""

    name = forms.CharField(max_length=64)
    kind = forms.ChoiceField(
        label="How", choices=[("email", "By e-mail"), ("webhook", "By webhook")]
    )
    addresses = forms.CharField(
        required=False, max_length=6_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    url = forms.CharField(label="Address of the webhook", required=False, max_length=2_000)
    severity = forms.ChoiceField(
        label="From this severity on", choices=[(one, one.capitalize()) for one in SEVERITIES]
    )
    rules = forms.MultipleChoiceField(label="Only these rules", required=False)
    namespaces = forms.CharField(
        label="Only in these namespaces",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    after_minutes = forms.TypedChoiceField(label="When", choices=AFTER, coerce=int)
    digest_minutes = forms.TypedChoiceField(label="Gather for", choices=DIGEST, coerce=int)
    quiet_from = forms.TimeField(label="Quiet from", required=False)
    quiet_to = forms.TimeField(label="Quiet to", required=False)
    enabled = forms.BooleanField(label="Send", required=False)

    def __init__(self, *args: Any, kind: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = self.fields["rules"]
        assert isinstance(rules, forms.MultipleChoiceField)  # noqa: S101  # declared above
        rules.choices = [(one.name, one.title) for one in rules_of("tenant")]
        for name, known in (("after_minutes", AFTER), ("digest_minutes", DIGEST)):
            own = self.initial.get(name, 0)
            if own not in dict(known):  # set over REST
                choices = self.fields[name]
                assert isinstance(choices, forms.TypedChoiceField)  # noqa: S101  # as above
                choices.choices = [*known, (own, f"{own} min")]
        if kind is not None:
            del self.fields["kind"]
            del self.fields["addresses" if kind == "webhook" else "url"]

    @staticmethod
    def initial_of(route: Route) -> dict[str, Any]:
        names = ("name", "url", "severity", "rules", "after_minutes", "digest_minutes", "enabled")
        return {name: getattr(route, name) for name in names} | {
            "addresses": "\n".join(route.addresses),
            "namespaces": "\n".join(route.namespaces),
            "quiet_from": _clock(route.quiet_from),
            "quiet_to": _clock(route.quiet_to),
        }

    def members(self, *, is_new: bool) -> dict[str, Any]:
        """The members as the service takes them. Of a new route only its kind's own target."""
        given = dict(self.cleaned_data)
        given["namespaces"] = given["namespaces"].split()
        for name in ("quiet_from", "quiet_to"):
            given[name] = _minute(given[name])
        if "addresses" in given:
            given["addresses"] = given["addresses"].replace(",", " ").split()
        if is_new:
            del given["addresses" if given["kind"] == "webhook" else "url"]
        return given


def _clock(minute: int | None) -> time | None:
    return None if minute is None else time(minute // 60, minute % 60)


def _minute(moment: time | None) -> int | None:
    return None if moment is None else moment.hour * 60 + moment.minute
