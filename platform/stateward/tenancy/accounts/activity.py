"""The list of a person's sessions says when each was last used: to the minute, so that most pages
need not write it down.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse

NOTED_AT = "stateward_activity_noted_at"
EVERY_SECONDS = 60


class ActivityMiddleware:
    """allauth's own writes at every request; this one once a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and request.session.session_key:
            now = time.time()
            if now - request.session.get(NOTED_AT, 0) > EVERY_SECONDS:
                UserSession.objects.create_from_request(request)
                request.session[NOTED_AT] = now
        return self.get_response(request)
