"""A change of password or factors ends every other session of the person."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.dispatch import receiver
from django.http import HttpRequest

from stateward.tenancy.accounts.sessions import end_sessions
from stateward.tenancy.models import Person

CHANGES = [
    account.password_changed,
    account.password_reset,
    account.password_set,
    mfa.authenticator_added,
    mfa.authenticator_removed,
    mfa.authenticator_reset,
]


@receiver(CHANGES, dispatch_uid="stateward end other sessions")
def end_other_sessions(request: HttpRequest, user: Person, **_: Any) -> None:
    """A reset is made by someone who is not signed in: then all of them end."""
    is_theirs = request.user.is_authenticated and request.user.pk == user.pk
    end_sessions(user.id, but=request.session.session_key if is_theirs else None)
