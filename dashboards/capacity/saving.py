"""What a retention rule would save: asked of retention's own preview, in days of growth."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms

from dashboards import figures
from dashboards.requests import ConsoleRequest
from governance.capacity.outlook import Outlook
from governance.retention.preview import Draft, preview
from governance.retention.terms import MAX_DAYS, Scope, Terms
from stateward.kernel.errors import StatewardError

MOST = 100_000  # keys that one page looks at


@dataclass(frozen=True, slots=True)
class Saving:
    """What would go today, in words, and where the rule is written."""

    says: str
    entries: int
    bytes: int
    query: str
    refusal: str = ""


class SavingForm(forms.Form):
    """``?namespace=…&days=…``: keep a namespace's entries for so many days."""

    namespace = forms.CharField(max_length=640)
    days = forms.IntegerField(min_value=1, max_value=MAX_DAYS, label="Keep for days")


def saving(request: ConsoleRequest, form: SavingForm, found: Outlook) -> Saving | None:
    """None where nothing (or nothing that makes sense) was asked. Changes nothing."""
    if not form.is_bound or not form.is_valid():
        return None
    namespace, days = form.cleaned_data["namespace"], form.cleaned_data["days"]
    terms = Terms("delete", Scope(namespace=namespace), "modified", days)
    query = urlencode({"kind": "delete", "namespace": namespace, "days": days, "clock": "modified"})
    try:
        seen = preview(request.actor, request.call, draft=Draft(terms), most=MOST)
    except StatewardError as refused:
        return Saving("", 0, 0, query, refused.detail)
    due = seen.of_draft.due
    kept = seen.of_draft.held.entries + seen.of_draft.retained.entries
    age = figures.plural(days, "day", "days")
    if not due.entries:
        says = f"Nothing in {namespace} is older than {age}."
        if kept:
            held = figures.plural(kept, "entry is", "entries are")
            says = f"Nothing would go: {held} older than {age}, and held or retained."
        return Saving(says, 0, 0, query)
    partly = "" if seen.survey.is_complete else f" Of the first {figures.whole(MOST)} keys."
    held = (
        f" {figures.plural(kept, 'entry stays', 'entries stay')}, held or retained." if kept else ""
    )
    says = (
        f"{figures.plural(due.entries, 'entry', 'entries')} with {figures.size(due.bytes)} would go"
        f"{_worth(due.bytes, found)}.{held}{partly}"
    )
    return Saving(says, due.entries, due.bytes, query)


def _worth(size: int, found: Outlook) -> str:
    """In days of growth."""
    ahead = found.bytes_ahead
    if not ahead or ahead.slope <= 0:
        return ""
    return f", as much as {figures.plural(round(size / ahead.slope), 'day', 'days')} of growth"
