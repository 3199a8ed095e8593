"""What people type about grants and groups."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from governance.grants.services.grants import MAX_REASON
from governance.grants.words import ObjectType, actions_of, everything
from stateward.kernel.clock import now

# Sets of actions that belong together, least first.
LEVELS: dict[ObjectType, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "namespace": (
        ("look", "Look: names of keys, no values", ("namespace.read", "state.read_meta")),
        ("read", "Read: values as well", ("namespace.read", "state.read")),
        (
            "write",
            "Write: change and delete entries as well",
            ("namespace.read", "state.read", "state.write", "state.delete"),
        ),
        ("all", "Everything, its settings and giving access included", everything("namespace")),
    ),
    "tenant": (
        ("look", "Look: names of things, no values", (
            "tenant.read", "namespace.read", "state.read_meta", "agent.read", "policy.read",
        )),
        ("read", "Read: values of every namespace as well", ("namespace.read", "state.read")),
        (
            "write",
            "Write: change and delete entries of every namespace",
            ("namespace.read", "state.read", "state.write", "state.delete"),
        ),
        ("audit", "Audit: read and export the records", ("audit.*",)),
    ),
    "agent": (
        ("look", "Look: what is told of it", ("agent.read",)),
        ("all", "Manage it and give access to it", everything("agent")),
    ),
    "policy": (
        ("look", "Look: its texts and versions", ("policy.read",)),
        ("draft", "Draft: write new versions", ("policy.read", "policy.draft")),
        ("all", "Everything, putting it in force included", everything("policy")),
    ),
}  # fmt: skip
CHOOSE = "choose"
ENDS = (
    (3_600, "in 1 hour"),
    (86_400, "in 1 day"),
    (7 * 86_400, "in 7 days"),
    (30 * 86_400, "in 30 days"),
    (90 * 86_400, "in 90 days"),
    (0, "when somebody revokes it"),
)


class GrantForm(forms.Form):
    """To whom, what, until when, why."""

    who = forms.ChoiceField(label="To whom")
    level = forms.ChoiceField(label="What they may do", widget=forms.RadioSelect)
    actions = forms.MultipleChoiceField(
        label="Single actions", required=False, widget=forms.SelectMultiple(attrs={"size": 8})
    )
    restricted = forms.BooleanField(label="Also what is classified restricted", required=False)
    ends = forms.TypedChoiceField(label="Ends", choices=ENDS, coerce=int, initial=30 * 86_400)
    reason = forms.CharField(label="Why", max_length=MAX_REASON)

    def __init__(
        self, *args: Any, kind: ObjectType, principals: dict[str, list[Any]], **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.kind = kind
        levels = [(name, title) for name, title, _ in LEVELS[kind]]
        self._choices("who", [("", "choose whom"), *principals.items()])
        self._choices("level", [*levels, (CHOOSE, "Only the single actions chosen below")])
        self._choices("actions", [(one, one) for one in actions_of(kind)])
        self.fields["level"].initial = levels[0][0]
        if kind not in {"namespace", "tenant"}:
            del self.fields["restricted"]

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("level") == CHOOSE and not data.get("actions"):
            self.add_error("actions", "Choose at least one action.")
        return data

    def wanted(self) -> dict[str, Any]:
        """As the service takes it, but for the object."""
        data = self.cleaned_data
        kind, _, name = data["who"].partition(":")
        names = {name: actions for name, _, actions in LEVELS[self.kind]}
        actions = data["actions"] if data["level"] == CHOOSE else names[data["level"]]
        return {
            "principal": (kind, name),
            "actions": frozenset(actions),
            "restricted": data.get("restricted", False),
            "ends_at": now() + timedelta(seconds=data["ends"]) if data["ends"] else None,
            "reason": data["reason"],
        }


class GroupForm(forms.Form):
    name = forms.CharField(max_length=100)
    description = forms.CharField(required=False, max_length=500)
