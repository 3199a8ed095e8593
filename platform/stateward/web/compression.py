"""Pages and JSON travel compressed, where nobody else can choose what stands beside a secret.

A compressed answer tells by its length whether parts of it are alike. Whoever watches the wire and
can make a browser ask for a page with a text of theirs in it learns what else stands there, letter
by letter (BREACH). So an answer is compressed only if no other site can have asked for it: browsers
say where a request came from (``Sec-Fetch-Site``), and a bearer credential is sent by programs
alone. Answers to anything but reads are left as they are; among them is every page that shows a
secret once. What remains is padded by a random length, as Django's own middleware does.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

OURS = frozenset({"same-origin", "none"})  # none: typed, or from a bookmark
KINDS = ("text/html", "text/css", "text/plain", "application/json", "application/problem+json",
         "application/vnd.oai.openapi", "text/javascript", "image/svg+xml")  # fmt: skip


class CompressionMiddleware(GZipMiddleware):
    """Outermost, so that what it compresses is what is sent."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.streaming or response.has_header("ETag") or not _is_text(response):
            return response
        patch_vary_headers(response, ("Accept-Encoding", "Sec-Fetch-Site"))
        if not asked_by_us(request):
            return response
        return super().process_response(request, response)


def asked_by_us(request: HttpRequest) -> bool:
    """Whether no page of another site can have made the browser ask this."""
    if request.method not in {"GET", "HEAD"}:
        return False
    if "HTTP_AUTHORIZATION" in request.META:
        return True
    return request.META.get("HTTP_SEC_FETCH_SITE") in OURS


def _is_text(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith(KINDS)
