"""A namespace's mode in words, and what can be done in it from the page of an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from dashboards.state.forms import json_of
from stateward.state.models import Namespace

REDUCER_WORDS = {
    "append": "lists that grow at the end",
    "union": "lists of different items",
    "remove": "lists that items are removed from",
    "add": "sums",
    "max": "the largest number so far",
    "min": "the smallest number so far",
    "set_once": "what was set first",
    "upsert_by": "lists of objects, one for each key",
    "task_list": "task lists",
}
REPLICA_WORDS = {
    "counter": "counters that count everyone's increments",
    "set": "sets in which additions win over removals",
    "map": "maps, member by member",
    "text": "texts that several write at once",
}


@dataclass(frozen=True, slots=True)
class Button:
    """One action: its type, what the button says, and the fields that it takes."""

    type: str
    says: str
    fields: tuple[str, ...] = ("payload",)


REPLICA_BUTTONS: dict[str, tuple[Button, ...]] = {
    "counter": (Button("increment", "Count", ("by",)),),
    "set": (Button("add", "Add item", ("item",)), Button("remove", "Remove item", ("item",))),
    "map": (
        Button("set", "Set member", ("member", "value")),
        Button("unset", "Remove member", ("member",)),
    ),
    "text": (
        Button("insert", "Insert text", ("at", "text")),
        Button("delete", "Delete characters", ("at", "length")),
    ),
}
TASK_BUTTONS = (
    Button("ADD", "Add task"),
    Button("COMPLETE", "Complete task"),
    Button("FAIL", "Mark as failed"),
)
PAYLOAD_HINTS = {
    "append": "The item, as JSON.",
    "union": "A list, as JSON; items that are there already are left out.",
    "remove": "A list, as JSON; every item like one of these goes.",
    "add": "A number.",
    "max": "A number.",
    "min": "A number.",
    "set_once": "Any JSON. If a value is there already, it stays.",
    "upsert_by": "An object, as JSON; it replaces the one of the same key.",
    "task_list": 'An object with an id, such as {"id": "call-ada"}.',
}


def _reducer(namespace: Namespace) -> dict[str, Any]:
    return namespace.reducer or {}


def _kind(namespace: Namespace) -> str:
    return str((namespace.crdt or {}).get("type"))


def has_actions(namespace: Namespace) -> bool:
    """Whether values change through actions only."""
    return namespace.concurrency in {"reducer", "crdt"}


def mode_said(namespace: Namespace) -> str:
    """The mode as part of a sentence."""
    if namespace.concurrency == "reducer":
        return f"values are {REDUCER_WORDS[_reducer(namespace)['name']]}"
    if namespace.concurrency == "crdt":
        return f"values are {REPLICA_WORDS[_kind(namespace)]}"
    return {
        "versioned": "every write names the version it replaces",
        "merge": "changes of one version are merged",
    }.get(namespace.concurrency, "the last write wins")


def mode_name(namespace: Namespace) -> str:
    """The mode in a word or two, for a list of facts."""
    if namespace.concurrency == "reducer":
        by = f" {_reducer(namespace)['by']}" if "by" in _reducer(namespace) else ""
        return f"reducer {_reducer(namespace)['name']}{by}"
    if namespace.concurrency == "crdt":
        return f"CRDT {_kind(namespace)}"
    return str(namespace.concurrency.replace("_", " "))


def buttons_of(namespace: Namespace) -> tuple[Button, ...]:
    if namespace.concurrency == "crdt":
        return REPLICA_BUTTONS[_kind(namespace)]
    name = _reducer(namespace)["name"]
    if name == "task_list":
        return TASK_BUTTONS
    return (Button(name, name.replace("_", " ").capitalize()),)


class ActionForm(forms.Form):
    """What an action needs, whichever it is; only the fields of the namespace's mode stay.

    ``cleaned`` says the type and the payload of the button that was pressed.
    """

    key = forms.CharField(max_length=512, strip=False)
    payload = forms.CharField(
        label="What is brought", strip=False, widget=forms.Textarea(attrs={"rows": 5})
    )
    by = forms.CharField(label="By how much", initial="1")
    item = forms.CharField(label="Item, as JSON", widget=forms.Textarea(attrs={"rows": 3}))
    member = forms.CharField(label="Member", strip=False)
    value = forms.CharField(label="Value, as JSON", widget=forms.Textarea(attrs={"rows": 3}))
    at = forms.IntegerField(label="At character", min_value=0, initial=0)
    text = forms.CharField(label="Text", strip=False, widget=forms.Textarea(attrs={"rows": 3}))
    length = forms.IntegerField(label="How many characters", min_value=0)
    note = forms.CharField(required=False, max_length=1_000)

    def __init__(self, namespace: Namespace, data: Any = None, *, is_new: bool) -> None:
        super().__init__(data)
        self.buttons = buttons_of(namespace)
        pressed = [one for one in self.buttons if data is not None and data.get("type") == one.type]
        self.pressed = pressed[0] if pressed else None
        shown = {name for one in self.buttons for name in one.fields} | {"note"}
        for name in list(self.fields):
            if name not in shown and not (name == "key" and is_new):
                del self.fields[name]
            elif data is not None and name not in (*self._taken(), "key", "note"):
                self.fields[name].required = False
        self.payload_hint = (
            PAYLOAD_HINTS[_reducer(namespace)["name"]] if namespace.concurrency == "reducer" else ""
        )

    def _taken(self) -> tuple[str, ...]:
        return self.pressed.fields if self.pressed is not None else ()

    def clean(self) -> dict[str, Any]:
        if self.pressed is None:
            raise forms.ValidationError("That is no action of this namespace.")
        for name in {"payload", "by", "item", "value"} & set(self._taken()):
            if name in self.cleaned_data:
                try:
                    self.cleaned_data[name] = json_of(self.cleaned_data[name])
                except forms.ValidationError as fault:
                    self.add_error(name, fault)
        return self.cleaned_data

    @property
    def brought(self) -> Any:
        """The payload of the action."""
        if self._taken() == ("payload",):
            return self.cleaned_data["payload"]
        return {name: self.cleaned_data[name] for name in self._taken()}
