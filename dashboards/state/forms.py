"""What people type about namespaces and entries; what is right is for the services to say."""

from __future__ import annotations

from typing import Any

from django import forms

from stateward.kernel import strictjson
from stateward.kernel.errors import Malformed, StatewardError, TooLarge
from stateward.state.crdt.kinds import EMPTY
from stateward.state.models import CLASSIFICATIONS, CONCURRENCIES, SCOPES
from stateward.state.reducers import REDUCERS
from stateward.state.serializers import MAX_TTL_SECONDS
from stateward.state.services.proposals import MAX_LIFE_SECONDS, MAX_VOTERS
from stateward.state.values import MAX_VALUE_BYTES

WORDS = {
    "last_write_wins": "The last write wins",
    "versioned": "Every write names the version it replaces",
    "merge": "Changes of one version are merged",
    "reducer": "Values change through actions of a reducer",
    "crdt": "Values that replicas change converge (CRDT)",
}


def choices(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, WORDS.get(name, name.capitalize())) for name in names]


def labels_of(text: str) -> dict[str, str]:
    """Labels as one ``name=value`` a line."""
    labels = {}
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
        name, found, value = line.partition("=")
        if not found or not 0 < len(name.strip()) <= 63 or len(value) > 255:
            raise forms.ValidationError(f"Line {number} is not name=value.")
        labels[name.strip()] = value.strip()
    if len(labels) > 32:
        raise forms.ValidationError("At most 32 labels.")
    return labels


def labels_text(labels: Any) -> str:
    return "\n".join(f"{name}={value}" for name, value in labels.items())


def json_of(text: str, most: int = MAX_VALUE_BYTES) -> Any:
    """The value that a field spells; a fault names the place."""
    try:
        return strictjson.loads(text.encode("utf-8", "surrogatepass"), max_bytes=most)
    except (Malformed, TooLarge) as error:
        places = "; ".join(f"{one.pointer or 'the text'}: {one.message}" for one in error.errors)
        raise forms.ValidationError(places or error.detail) from None


class NamespaceForm(forms.Form):
    """A namespace's settings."""

    classification = forms.ChoiceField(
        choices=choices(CLASSIFICATIONS), initial="internal", widget=forms.RadioSelect
    )
    concurrency = forms.ChoiceField(
        label="When two write at once",
        choices=choices(CONCURRENCIES),
        initial="last_write_wins",
        widget=forms.RadioSelect,
    )
    reducer = forms.ChoiceField(
        choices=[("", "none"), *((name, name) for name in REDUCERS)], required=False
    )
    reducer_by = forms.CharField(
        label="Objects are known by", required=False, max_length=255, strip=False
    )
    crdt = forms.ChoiceField(
        label="Kind of replica",
        choices=[("", "none"), *((name, name.capitalize()) for name in EMPTY)],
        required=False,
    )
    scope = forms.ChoiceField(label="Belongs to", choices=choices(SCOPES), initial="shared")
    default_ttl_seconds = forms.IntegerField(
        label="Entries live for, in seconds",
        required=False,
        min_value=1,
        max_value=MAX_TTL_SECONDS,
    )
    labels = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    schema = forms.CharField(
        label="JSON Schema of values", required=False, widget=forms.Textarea(attrs={"rows": 10})
    )

    reason = forms.CharField(
        label="Why it need not be kept so closely", required=False, max_length=1_000
    )

    def clean(self) -> dict[str, Any]:
        """Each mode's own settings as the service takes them; those of other modes are none."""
        data = self.cleaned_data
        name, by, kind = (data.pop(each, "") for each in ("reducer", "reducer_by", "crdt"))
        mode = data.get("concurrency")
        data["reducer"] = ({"name": name} | ({"by": by} if by else {})) if name else {}
        data["crdt"] = {"type": kind} if kind else {}
        for each in ("reducer", "crdt"):
            if mode != each:
                data[each] = None
        return data

    def clean_labels(self) -> dict[str, str]:
        return labels_of(self.cleaned_data["labels"])

    def clean_schema(self) -> Any:
        text = self.cleaned_data["schema"].strip()
        return json_of(text) if text else None


class NewNamespaceForm(NamespaceForm):
    name = forms.CharField(max_length=640)
    field_order = ("name",)


class EntryForm(forms.Form):
    """A value; ``version`` is the one it was made from, 0 for a new entry."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    base = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)
    value = forms.CharField(strip=False, widget=forms.Textarea)
    note = forms.CharField(required=False, max_length=1_000)
    labels = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    ttl_seconds = forms.IntegerField(
        label="Expires after, in seconds", required=False, min_value=1, max_value=MAX_TTL_SECONDS
    )
    keep_expiry = forms.BooleanField(label="Leave its end as it is", required=False)

    def clean_value(self) -> Any:
        self.text = self.cleaned_data["value"]
        return json_of(self.text)

    def clean_labels(self) -> dict[str, str]:
        return labels_of(self.cleaned_data["labels"])


class NewEntryForm(EntryForm):
    key = forms.CharField(max_length=512, strip=False)
    field_order = ("key",)


class ProposalForm(forms.Form):
    """A value that others decide on."""

    if_version = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
    key = forms.CharField(max_length=512, strip=False)
    value = forms.CharField(strip=False, widget=forms.Textarea)
    voters = forms.CharField(label="Who decides", widget=forms.Textarea(attrs={"rows": 4}))
    quorum = forms.IntegerField(label="How many must accept", min_value=1, max_value=MAX_VOTERS)
    hours = forms.IntegerField(
        label="Open for, in hours", min_value=1, max_value=int(MAX_LIFE_SECONDS // 3600)
    )
    note = forms.CharField(required=False, max_length=1_000)

    def clean_value(self) -> Any:
        return json_of(self.cleaned_data["value"])

    def clean_voters(self) -> tuple[str, ...]:
        return tuple(filter(None, map(str.strip, self.cleaned_data["voters"].splitlines())))


def show_faults(form: forms.BaseForm, error: StatewardError) -> None:
    """What a service found wrong, at the fields its pointers name, else above the form."""
    placed = False
    for fault in error.errors:
        name, _, rest = fault.pointer.removeprefix("/").partition("/")
        where = f"at /{rest}: " if rest else ""
        if name in form.fields:
            form.add_error(name, f"{where}{fault.message}".capitalize())
            placed = True
    if not placed:
        form.add_error(None, error.detail)
