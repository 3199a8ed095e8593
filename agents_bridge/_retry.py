"""When to send again, and after how long. Decisions only; whoever drives the call does the
waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# 409 is a refusal, except where it says that the first try of this very call is still running.
_AGAIN = frozenset({429, 502, 503, 504})
_IN_PROGRESS = frozenset({"request_in_progress", "idempotency_key_in_use"})


@dataclass(frozen=True, slots=True)
class Retry:
    """How stubborn a client is.

    Every unsafe call carries an ``Idempotency-Key``, made once and sent with each try, so repeating
    one is safe.

    >>> from agents_bridge import Retry
    >>> Retry(attempts=1)  # never send twice
    Retry(attempts=1, base_seconds=0.1, cap_seconds=5.0, patience_seconds=60.0)
    """

    attempts: int = 5
    """How often a call is sent in all."""
    base_seconds: float = 0.1
    """The first pause is up to this long; each further one up to twice the one before."""
    cap_seconds: float = 5.0
    """No pause of our own choosing is longer."""
    patience_seconds: float = 60.0
    """A server that asks for a longer pause than this (``Retry-After``) is not waited for."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("a call is sent at least once: attempts must be 1 or more")

    def pause(self, sent: int, *, chance: float, retry_after: float | None = None) -> float | None:
        """Seconds to wait after the ``sent``-th try failed, or None to give up.

        ``chance`` is uniform in [0, 1): waiting a random share of the backoff keeps a crowd of
        clients that failed together from coming back together.
        """
        if sent >= self.attempts or (retry_after or 0.0) > self.patience_seconds:
            return None
        backoff = min(self.cap_seconds, self.base_seconds * 2.0 ** (sent - 1))
        return (retry_after or 0.0) + chance * backoff


def is_worth_repeating(status: int, code: str) -> bool:
    """Whether the same request may well succeed a little later."""
    return status in _AGAIN or code in _IN_PROGRESS


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What ``Retry-After`` asks for, in seconds from ``now``; None when absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
