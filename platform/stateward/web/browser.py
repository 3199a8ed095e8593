"""A browser's session on the data plane: the console's cookie with CSRF protection on the same
endpoints.

Rare, and therefore plain: Django resolves it in a thread, exactly as it does for the control plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections, connection
from django.http import HttpRequest

from stateward.tenancy.actors import Actor
from stateward.web.drf.authentication import enforce_csrf
from stateward.web.sessions import session_actor

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def browser_actor(method: str, headers: Mapping[str, str]) -> Actor | None:
    """Whose the session cookie is, or None. 403 for an unsafe method without the CSRF token."""
    close_old_connections()
    try:
        request = _request(method, headers)
        request.user = get_user(request)
        actor = session_actor(request)
        if actor is not None and method not in SAFE:
            enforce_csrf(request)
        return actor
    finally:
        connection.close()


def _request(method: str, headers: Mapping[str, str]) -> HttpRequest:
    request = HttpRequest()
    request.method = method
    for name, value in headers.items():
        request.META[f"HTTP_{name.upper().replace('-', '_')}"] = value
    request.META["SERVER_NAME"], request.META["SERVER_PORT"] = "stateward", "80"
    if settings.SECURE_PROXY_SSL_HEADER or headers.get("origin", "").startswith("https:"):
        request.META["wsgi.url_scheme"] = "https"
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    request.COOKIES = {name: morsel.value for name, morsel in cookies.items()}
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    return request
