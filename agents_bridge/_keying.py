"""Texts of a user's as parts of keys."""

from __future__ import annotations

LONGEST_ID = 128  # also the most that the server takes as the name of a run


def key_part(text: str) -> str:
    """An id as a part of a key: a key holds no slash, and the colon ends the part.

    >>> key_part("desk/7:a")
    'desk%2F7%3Aa'
    """
    if not text or len(text) > LONGEST_ID or not text.isprintable():
        raise ValueError(f"an id is 1 to {LONGEST_ID} printable characters")
    return text.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
