"""Opaque cursors (``A-Za-z0-9_-``) and page limits, for both planes.

A cursor holds where the next page begins, as a short JSON list of texts and numbers. It is not
secret and grants nothing: whoever makes one up gets a page of what they may read anyway.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from stateward.kernel.errors import Fault, Malformed

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000

Place = list[str | int | None]


def encode_cursor(place: Sequence[str | int | None]) -> str:
    text = json.dumps(list(place), separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, *, length: int) -> Place:
    """The place a cursor names; Malformed (400) unless it is one of ``length`` texts or numbers."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(data)
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(place, list) or len(place) != length:
        raise _bad_cursor()
    if not all(part is None or type(part) in (str, int) for part in place):
        raise _bad_cursor()
    if any(isinstance(part, str) and "\x00" in part for part in place):
        raise _bad_cursor()
    return place


def parse_limit(text: str | None) -> int:
    """``limit``: 1 to 1000, by default 100."""
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LARGEST_LIMIT:
        return int(text)
    raise Malformed(
        f"limit is a whole number from 1 to {LARGEST_LIMIT}.",
        errors=(Fault("", f"the parameter limit is not 1 to {LARGEST_LIMIT}"),),
    )


def _bad_cursor() -> Malformed:
    return Malformed(
        "The cursor is not one that was given out here.",
        errors=(Fault("", "the parameter cursor is not valid"),),
    )
