"""What bounds a namespace (quota, windows, compression), what it is used for, and how often one may
call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow

_ITEM = re.compile(r'"([a-z]+)"((?:;[a-z]+=[0-9]+)*)')


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Where a caller stood under one limit when the server answered last."""

    scope: str
    """``credential`` or ``tenant``."""
    quota: int
    """How many calls may come at once when none were made for a while."""
    window_seconds: int
    """After so many seconds of silence all of them are there again."""
    remaining: int
    """How many may come at once now."""
    reset_seconds: int
    """Until all are there again."""


def rate_limits(headers: Mapping[str, str]) -> dict[str, RateLimit]:
    """The ``RateLimit-Policy`` and ``RateLimit`` of an answer, by scope; empty without a limit.

    >>> from agents_bridge._bounds import rate_limits
    >>> told = {"ratelimit-policy": '"tenant";q=20;w=2', "ratelimit": '"tenant";r=19;t=1'}
    >>> rate_limits(told)["tenant"].remaining
    19
    """
    policies = _items(headers.get("ratelimit-policy", ""))
    standing = _items(headers.get("ratelimit", ""))
    return {
        scope: RateLimit(
            scope,
            told.get("q", 0),
            told.get("w", 0),
            standing.get(scope, {}).get("r", 0),
            standing.get(scope, {}).get("t", 0),
        )
        for scope, told in policies.items()
    }


def _items(text: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for scope, parameters in _ITEM.findall(text):
        pairs = (pair.split("=") for pair in parameters.split(";") if pair)
        found[scope] = {name: int(number) for name, number in pairs}
    return found


def quota(session: Session, name: str, **options: Unpack[CallOptions]) -> Flow[dict[str, Any]]:
    """A namespace's quota (``entries``, ``bytes``, ``writes_per_day``; None: no limit) and what is
    ``used`` of it.
    """
    response = yield from session.call("GET", f"{namespace_path(name)}/quota", options)
    return response.document()


def set_quota(
    session: Session,
    name: str,
    *,
    entries: int | None = None,
    bytes: int | None = None,
    writes_per_day: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[dict[str, Any]]:
    """From the next write on, refuse what goes past this. What is left out is not limited; deleting
    is always allowed.
    """
    body = {"entries": entries, "bytes": bytes, "writes_per_day": writes_per_day}
    path = f"{namespace_path(name)}/quota"
    response = yield from session.call("PUT", path, options, body=body)
    return response.document()


def bounds(session: Session, name: str, **options: Unpack[CallOptions]) -> Flow[dict[str, Any]]:
    """How much history and how many entries a namespace keeps, what it compresses, and what that
    has come to (``done``).
    """
    response = yield from session.call("GET", f"{namespace_path(name)}/bounds", options)
    return response.document()


def set_bounds(
    session: Session,
    name: str,
    *,
    keep_revisions: int | None = None,
    keep_history_bytes: int | None = None,
    keep_entries: int | None = None,
    compress_over_bytes: int | None = None,
    compress_after_days: int | None = None,
    dead_after_days: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[dict[str, Any]]:
    """Set all of a namespace's bounds; what is left out does not bound it. What is past
    ``keep_…`` is given up for good, by a job: that needs the right to manage retention.
    """
    body = {
        "keep_revisions": keep_revisions,
        "keep_history_bytes": keep_history_bytes,
        "keep_entries": keep_entries,
        "compress_over_bytes": compress_over_bytes,
        "compress_after_days": compress_after_days,
        "dead_after_days": dead_after_days,
    }
    path = f"{namespace_path(name)}/bounds"
    response = yield from session.call("PUT", path, options, body=body)
    return response.document()


def analytics(
    session: Session, name: str, *, days: int | None = None, **options: Unpack[CallOptions]
) -> Flow[dict[str, Any]]:
    """What a namespace is used for, as counted within the last hour: ``days``, oldest first, and
    its ``hottest``, ``largest`` and ``dead`` keys.
    """
    path = f"{namespace_path(name)}/analytics"
    response = yield from session.call("GET", path, options, query={"days": days})
    return response.document()
