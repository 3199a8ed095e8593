"""What people type about agents, credentials and members."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from governance.people.rules import MAX_OVERLAP
from stateward.gate.policy.vocabulary import ACTIONS, GROUPS
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES, RISK_CLASSES, Member

ROLE_WORDS = {
    "builder": "builder: makes namespaces and does everything in those it made",
    "writer": "writer: reads, writes and deletes entries that are not restricted",
    "reader": "reader: reads what is not restricted",
    "owner": "owner: everything, the tenant itself included",
    "admin": "admin: people, agents, policies and namespaces",
    "editor": "editor: reads and writes state",
    "auditor": "auditor: reads the audit and exports evidence",
    "viewer": "viewer: looks at what is not restricted",
}
OVERLAPS = (
    (0, "at once"),
    (3_600, "in 1 hour"),
    (86_400, "in 1 day"),
    (7 * 86_400, "in 7 days"),
    (int(MAX_OVERLAP.total_seconds()), "in 30 days"),
)
LIVES = ((30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "365 days"))


def words(roles: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(role, ROLE_WORDS.get(role, role)) for role in roles]


class AgentForm(forms.Form):
    """What is told of an agent, and its roles."""

    name = forms.CharField(max_length=100)
    roles = forms.MultipleChoiceField(
        choices=words(AGENT_ROLES), widget=forms.CheckboxSelectMultiple
    )
    purpose = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    framework = forms.CharField(max_length=100, required=False)
    team = forms.CharField(max_length=100, required=False)
    environment = forms.CharField(max_length=50, required=False)
    risk_class = forms.ChoiceField(
        label="Risk class", choices=[(one, one.capitalize()) for one in RISK_CLASSES]
    )
    owner = forms.TypedChoiceField(required=False, coerce=str, empty_value=None)

    def __init__(self, *args: Any, members: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [(str(one.id), str(one.person)) for one in members]
        owner = self.fields["owner"]
        assert isinstance(owner, forms.TypedChoiceField)  # noqa: S101  # declared above
        owner.choices = [("", "nobody"), *people]


class CredentialForm(forms.Form):
    """A new key. No scope chosen: it may do what its holder may."""

    label = forms.CharField(max_length=200)
    days = forms.TypedChoiceField(label="Works for", choices=LIVES, coerce=int, initial=90)
    scopes = forms.MultipleChoiceField(
        label="Only for",
        required=False,
        choices=[(one, one) for one in (*sorted(GROUPS - {"*"}), *ACTIONS)],
        widget=forms.SelectMultiple(attrs={"size": 8}),
    )


class RotationForm(forms.Form):
    """When the old key stops."""

    overlap = forms.TypedChoiceField(
        label="The old key stops", choices=OVERLAPS, coerce=int, initial=86_400
    )

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self.cleaned_data["overlap"])


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        choices=words(MEMBER_ROLES), widget=forms.CheckboxSelectMultiple
    )


class InvitationForm(RolesForm):
    email = forms.EmailField(label="E-mail")
    field_order = ("email",)
