"""What every answer of the console and the control plane tells the browser.

Scripts and styles run only from our own origin or under the answer's nonce, nothing frames us, no
other origin is asked for anything, and no cache keeps what is private. A URL that carries a
credential is refused before any view sees it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from stateward.kernel.errors import StatewardError
from stateward.kernel.strictjson import dumps
from stateward.web.calls import request_id_of
from stateward.web.odd_urls import refuse_odd_urls
from stateward.web.problems import problem

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'nonce-{nonce}'",
        "style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), "
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
}


class HeadersMiddleware:
    """Sets ``request.csp_nonce`` for templates, and the headers of the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]  # templates put it on their tags
        try:
            refuse_odd_urls(request)
        except StatewardError as error:
            response = _refused(request, error)
        else:
            response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY.format(nonce=nonce))
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in FIXED.items():
            response.headers.setdefault(name, value)
        return response


def _refused(request: HttpRequest, error: StatewardError) -> HttpResponse:
    status, headers, body = problem(error, request_id_of(request.headers.get))
    content_type = headers.pop("Content-Type")
    return HttpResponse(dumps(body), content_type, status, headers=headers)
