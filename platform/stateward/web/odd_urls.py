"""URLs that no plane answers, whatever they name."""

from __future__ import annotations

from urllib.parse import unquote

from django.http import HttpRequest

from stateward.kernel.errors import Malformed
from stateward.tenancy.exceptions import CredentialInUrl
from stateward.tenancy.tokens import contains_token, scrub


def refuse_odd_urls(request: HttpRequest) -> None:
    """No credential travels in a URL (and what looks like one is not repeated); no NUL either,
    which SQL cannot take.
    """
    raw = f"{request.path}?{request.META.get('QUERY_STRING', '')}"
    url = unquote(raw)
    if contains_token(url):
        request.META["QUERY_STRING"] = scrub(url.partition("?")[2])
        raise CredentialInUrl
    if "\x00" in url:
        raise Malformed("The URL contains a NUL.")
