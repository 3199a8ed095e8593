"""Sign-ins, and changes of how people sign in, are in the audit.

A success is recorded in each tenant the person works in. A failure is recorded in the platform's
tree alone, whether the account exists or not: the same work for both, so that time does not tell
which addresses have accounts.
"""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from governance.people.acts import note, system_actor
from stateward.gate.policy.requests import Resource
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM, Person
from stateward.tenancy.queries import Membership, memberships_of
from stateward.tenancy.scope import tenant_scope
from stateward.web.calls import call_of, request_id_of
from stateward.web.drf.views import address_of
from stateward.web.sessions import has_second_factor

SIGNED_IN = "account.signed_in"
REFUSED = "account.sign_in_failed"


@receiver(user_logged_in, dispatch_uid="stateward records sign-ins")
def record_sign_in(request: HttpRequest, user: Person, **_: Any) -> None:
    _note_everywhere(request, user, SIGNED_IN)


@receiver(user_logged_out, dispatch_uid="stateward records sign-outs")
def record_sign_out(request: HttpRequest, user: Person | None, **_: Any) -> None:
    if user is not None:
        _note_everywhere(request, user, "account.signed_out")


@receiver(user_login_failed, dispatch_uid="stateward records failed sign-ins")
def record_failure(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Whatever was tried, as a personal value: people type passwords into the wrong field."""
    call = _call(request) if request is not None else Call(request_id="")
    tried = str(credentials.get("email") or credentials.get("username") or "")[:254]
    with tenant_scope(PLATFORM):
        note(
            system_actor(None, "sign-in"),
            call,
            REFUSED,
            REFUSED,
            about=Resource("tenant", "platform"),
            outcome="deny",
            reason="bad_credential",
            personal={"email": tried} if tried else None,
        )


@receiver(
    [account.password_changed, account.password_set, account.password_reset],
    dispatch_uid="stateward records passwords",
)
def record_password(request: HttpRequest, user: Person, **_: Any) -> None:
    _note_everywhere(request, user, "account.password_changed")


@receiver(
    [mfa.authenticator_added, mfa.authenticator_removed, mfa.authenticator_reset],
    dispatch_uid="stateward records factors",
)
def record_factor(
    request: HttpRequest, user: Person, authenticator: Any, signal: Any, **_: Any
) -> None:
    names = {
        mfa.authenticator_added: "account.factor_added",
        mfa.authenticator_removed: "account.factor_removed",
        mfa.authenticator_reset: "account.factor_renewed",
    }
    _note_everywhere(request, user, names[signal], {"kind": str(authenticator.type)})


@receiver(mfa.authenticator_used, dispatch_uid="stateward records recovery codes")
def record_recovery_code(request: HttpRequest, user: Person, authenticator: Any, **_: Any) -> None:
    """A code from the drawer: either the second factor is lost, or someone found the codes."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _note_everywhere(request, user, "account.recovery_code_used")


def _note_everywhere(
    request: HttpRequest, user: Person, event: str, details: dict[str, Any] | None = None
) -> None:
    call = _call(request)
    for membership in memberships_of(user.id):
        actor = _actor(request, user, membership)
        about = Resource("member", str(membership.member_id))
        with tenant_scope(membership.tenant_id):
            note(actor, call, event, event, about=about, details=details)


def _actor(request: HttpRequest, user: Person, membership: Membership) -> Actor:
    return Actor(
        type="member",
        id=membership.member_id,
        name=str(user),
        tenant_id=membership.tenant_id,
        tenant_slug=membership.tenant_slug,
        roles=membership.roles,
        auth_method="session",
        mfa=has_second_factor(request),
    )


def _call(request: HttpRequest) -> Call:
    request_id = request_id_of(request.headers.get)
    return call_of(request.headers.get, source_address=address_of(request), request_id=request_id)
