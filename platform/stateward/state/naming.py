"""What a key and a namespace's name may be."""

from __future__ import annotations

import re

from stateward.kernel.errors import Fault
from stateward.state.exceptions import BadKey, NoSuchNamespace

MAX_KEY = 512
_SEGMENT = r"[a-z0-9][a-z0-9_-]{0,62}"
NAMESPACE_NAME = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT}){{0,9}}")
# Control characters are C0, DEL, C1; the two separators end lines in some readers; surrogates are
# no characters.
_NOT_IN_KEYS = re.compile("[/\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_key(key: str, *, pointer: str = "") -> str:
    """``key``, if it may name an entry. Clients normalise "." and ".." away: both are refused."""
    if not 0 < len(key) <= MAX_KEY or key in {".", ".."} or _NOT_IN_KEYS.search(key):
        raise BadKey(errors=(Fault(pointer, "not a key"),))
    return key


def is_namespace_name(name: str) -> bool:
    return NAMESPACE_NAME.fullmatch(name) is not None


def check_namespace_name(name: str) -> str:
    """A name that no namespace can have is simply not found."""
    if not is_namespace_name(name):
        raise NoSuchNamespace
    return name
