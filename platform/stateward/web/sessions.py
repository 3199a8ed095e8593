"""From a browser's session to an actor: which person, in which tenant, and how well they proved who
they are.

A session ends by idleness and by age, by sign-out, and with the password, the factors or the
person's right to sign in. The tenant is the one chosen in the console, or the one that
``Stateward-Tenant`` names, but always one where the person is an active member now: memberships are
read for each request, never kept in the session.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from stateward.kernel.errors import Forbidden, NotFound, Unauthenticated
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import PLATFORM, Person
from stateward.tenancy.queries import Membership, memberships_of

CHOSEN = "stateward_tenant"
SIGNED_IN_AT = "stateward_signed_in_at"
SEEN_AT = "stateward_seen_at"
SEEN_EVERY_SECONDS = (
    60  # how often "last seen" is written; each write is a row of the session table
)
OPERATOR = "operator"


def session_actor(request: HttpRequest) -> Actor | None:
    """Who this session acts as, or None where nobody is signed in or the person is in no tenant.

    NotFound (404) where ``Stateward-Tenant`` names a tenant the person is no member of, existing or
    not.
    """
    person = getattr(request, "user", None)
    if not isinstance(person, Person) or not person.is_active or is_over(request):
        return None
    membership = current_membership(request)
    if membership is None:
        return _operator(request, person) if person.is_operator else None
    return Actor(
        type="member",
        id=membership.member_id,
        name=person.name or person.email,
        tenant_id=membership.tenant_id,
        tenant_slug=membership.tenant_slug,
        roles=membership.roles,
        attributes={"email": person.email},
        auth_method="session",
        mfa=has_second_factor(request),
        ends_at=_end_of(request),
    )


def actor_again(request: HttpRequest, actor: Actor) -> Actor:
    """The session's actor with the roles they have now; Unauthenticated (401) if they are out."""
    person_id = UUID(request.session.get(SESSION_KEY) or str(PLATFORM))
    if not Person.objects.filter(id=person_id, is_active=True).exists():
        raise Unauthenticated
    if actor.tenant_id == PLATFORM:
        return actor
    for membership in memberships_of(person_id):
        if membership.member_id == actor.id:
            return replace(actor, roles=membership.roles)
    raise Unauthenticated


def current_membership(request: HttpRequest) -> Membership | None:
    """Where this session works: as the header says, else as chosen, else the first open tenant,
    else the first.
    """
    memberships = person_memberships(request)
    if (slug := request.headers.get("Stateward-Tenant")) is not None:
        named = [one for one in memberships if one.tenant_slug == slug]
        if not named:
            raise NotFound
        return named[0]
    chosen = request.session.get(CHOSEN)
    ranked = sorted(memberships, key=lambda one: (str(one.tenant_id) != chosen, one.is_closed))
    return ranked[0] if ranked else None


def person_memberships(request: HttpRequest) -> list[Membership]:
    """The signed-in person's memberships, read once a request."""
    found: list[Membership] | None = getattr(request, "_memberships", None)
    if found is None:
        person = request.user
        found = memberships_of(person.id) if isinstance(person, Person) else []
        request._memberships = found  # type: ignore[attr-defined]  # a cache that lives as long as the request
    return found


def choose_tenant(request: HttpRequest, slug: str) -> Membership:
    """Make this session work in another of the person's tenants; NotFound (404) where they are no
    member.
    """
    for membership in person_memberships(request):
        if membership.tenant_slug == slug:
            request.session[CHOSEN] = str(membership.tenant_id)
            return membership
    raise NotFound


def has_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor, or a passkey, was part of this session's sign-in."""
    return any(record.get("method") == "mfa" for record in _proofs(request))


def _proofs(request: Any) -> list[dict[str, Any]]:
    """How and when this session's owner showed who they are: ``method`` and ``at`` of each time."""
    person_id = request.session.get(SESSION_KEY)
    if person_id is None:
        return []
    records: list[dict[str, Any]] = get_authentication_records(request, Person(id=UUID(person_id)))
    return records


def check_recent_sign_in(request: Any) -> None:
    """SignInAgain (403) if a session's owner has not shown lately that it is still them.

    For acts that a walked-away-from browser must not be used for. Bearer credentials have no later
    moment to ask at, and pass.
    """
    if request.actor.auth_method != "session":
        return
    latest = max((proof["at"] for proof in _proofs(request)), default=0.0)
    if time.time() - latest > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
        raise SignInAgain


class SignInAgain(Forbidden):
    """Confirm that it is you: sign in again, then repeat this."""

    code, title = "reauthentication_required", "Sign in again"


def _operator(request: HttpRequest, person: Person) -> Actor:
    """An operator outside any tenant: belongs to the platform's own tree and sees no tenant's
    data.
    """
    return Actor(
        type="member",
        id=person.id,
        name=person.name or person.email,
        tenant_id=PLATFORM,
        tenant_slug="",
        roles=(OPERATOR,),
        attributes={"email": person.email},
        auth_method="session",
        mfa=has_second_factor(request),
        ends_at=_end_of(request),
    )


def _end_of(request: HttpRequest) -> datetime | None:
    began = request.session.get(SIGNED_IN_AT)
    if began is None:
        return None
    return datetime.fromtimestamp(began + settings.SESSION_ABSOLUTE_SECONDS, UTC)


class SessionLimitsMiddleware:
    """Ends a session that has been idle or alive for too long, and tells the console's views who
    acts.

    ``request.actor`` is an ``Actor`` or falsy, ``request.tenant`` a ``Membership`` or falsy; both
    are looked up when first used.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            self._check_age(request)
        request.actor = SimpleLazyObject(lambda: session_actor(request))  # type: ignore[attr-defined]
        request.tenant = SimpleLazyObject(lambda: current_membership(request))  # type: ignore[attr-defined]
        return self.get_response(request)

    def _check_age(self, request: HttpRequest) -> None:
        now = time.time()
        session = request.session
        session.setdefault(SIGNED_IN_AT, now)
        if is_over(request):
            logout(request)
        elif SEEN_AT not in session or now - session[SEEN_AT] > SEEN_EVERY_SECONDS:
            session[SEEN_AT] = now


def is_over(request: HttpRequest) -> bool:
    """Whether this session has been idle, or alive, for longer than allowed."""
    now = time.time()
    began = request.session.get(SIGNED_IN_AT, now)
    seen = request.session.get(SEEN_AT, now)
    is_old = now - began > settings.SESSION_ABSOLUTE_SECONDS
    return bool(is_old or now - seen > settings.SESSION_IDLE_SECONDS)
