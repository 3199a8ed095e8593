"""The range of time a page shows: in its address, so that a copied link shows the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NAMED = {
    "1h": ("1 h", "the last hour", timedelta(hours=1)),
    "24h": ("24 h", "the last 24 hours", timedelta(hours=24)),
    "7d": ("7 d", "the last 7 days", timedelta(days=7)),
    "30d": ("30 d", "the last 30 days", timedelta(days=30)),
}
USUAL = "24h"
SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Range:
    """``name`` is a key of NAMED, or empty for two moments that somebody chose."""

    name: str
    since: datetime
    until: datetime

    @property
    def says(self) -> str:
        if self.name:
            return NAMED[self.name][1]
        return f"{self.since:%-d %b %H:%M} to {self.until:%-d %b %H:%M} UTC"

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


def read_range(query: Mapping[str, str], now: datetime, usual: str = USUAL) -> Range:
    """What ``?range=`` or ``?from=&until=`` ask for; ``usual`` where they make no sense."""
    since, until = _moment(query.get("from")), _moment(query.get("until"))
    if since and until and SHORTEST <= until - since <= LONGEST and since < now:
        return Range("", since, min(until, now))
    name = query.get("range", usual)
    if name not in NAMED:
        name = usual
    return Range(name, now - NAMED[name][2], now)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
