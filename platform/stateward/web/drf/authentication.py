"""Who is calling the control plane: a bearer credential, or the console's session with CSRF
protection.

A header that is there and wrong is refused: it never falls back to the cookie.
"""

from __future__ import annotations

from typing import Any, Protocol

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from stateward.kernel.errors import Forbidden
from stateward.tenancy.actors import Actor
from stateward.tenancy.authenticate import attributed, authenticate
from stateward.tenancy.exceptions import BadCredential, OtherTenant
from stateward.tenancy.scope import run_flow
from stateward.web.problems import CHALLENGE
from stateward.web.sessions import actor_again, session_actor


class CsrfFailed(Forbidden):
    """The request carries a session cookie without the token that shows it comes from our own
    pages.
    """

    code, title = "csrf_failed", "CSRF check failed"


class Entrance(Protocol):
    """One of the two ways in."""

    def look_up(self, request: Request, actor: Actor) -> Actor:
        """The same caller as the database has them now; 401 or 403 where they are no more."""


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer sw_…``, through the one flow that the data plane runs too."""

    def authenticate(self, request: Request) -> tuple[Actor, str] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise BadCredential
        actor = run_flow(authenticate(token.strip()))
        wanted = request.META.get("HTTP_STATEWARD_TENANT")
        if wanted is not None and wanted != actor.tenant_slug:
            raise attributed(OtherTenant(), actor, "other_tenant")
        return actor, "bearer"

    def look_up(self, request: Request, actor: Actor) -> Actor:
        found = self.authenticate(request)
        if found is None:
            raise BadCredential
        return found[0]

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SessionAuthentication(BaseAuthentication):
    """The console's cookie on the same endpoints. Every unsafe call needs the CSRF token too."""

    def authenticate(self, request: Request) -> tuple[Actor, str] | None:
        actor = session_actor(request._request)
        if actor is None:
            return None
        enforce_csrf(request._request)
        return actor, "session"

    def look_up(self, request: Request, actor: Actor) -> Actor:
        return actor_again(request._request, actor)


def enforce_csrf(request: HttpRequest) -> None:
    """Django's own check. API views are exempt from the middleware, which cannot tell a cookie from
    a bearer.
    """
    check = _Refusal(lambda _request: HttpResponse())
    check.process_request(request)
    if check.process_view(request, lambda *_: HttpResponse(), (), {}) is not None:
        raise CsrfFailed


class _Refusal(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason
