"""Bodies that come in chunks, without a length: Django would take them for empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from stateward.web.drf.parsers import MAX_BODY_BYTES

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def accept_chunks(application: Application) -> Application:
    """``application``, told the length of such bodies; one that is too long is told as too long."""

    def accepting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if is_chunked and not environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return accepting
