"""The range of time a page shows: in its address, so that a copied link shows the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboards.words import read_words

NAMED = {
    "1h": ("1 h", "the last hour", timedelta(hours=1)),
    "24h": ("24 h", "the last 24 hours", timedelta(hours=24)),
    "7d": ("7 d", "the last 7 days", timedelta(days=7)),
    "30d": ("30 d", "the last 30 days", timedelta(days=30)),
}
# Shown where there is room for them; every page reads them.
MORE = {
    "15m": ("15 min", "the last 15 minutes", timedelta(minutes=15)),
    "6h": ("6 h", "the last 6 hours", timedelta(hours=6)),
    "1y": ("1 y", "the last year", timedelta(days=365)),
}
ALL = dict(sorted((NAMED | MORE).items(), key=lambda item: item[1][2]))
USUAL = "24h"
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Range:
    """``name`` is a key of ALL, or empty for two moments that somebody chose; ``words`` are what
    they typed for it, and ``fault`` says why those were not understood.
    """

    name: str
    since: datetime
    until: datetime
    words: str = ""
    fault: str = ""

    @property
    def says(self) -> str:
        if self.name:
            return ALL[self.name][1]
        return f"{self.since:%-d %b %H:%M} to {self.until:%-d %b %H:%M} UTC"

    @property
    def echo(self) -> str:
        """Exactly which stretch it is."""
        since, until = (f"{at:%-d %b %Y %H:%M:%S}" for at in (self.since, self.until))
        return f"{since} to {until} UTC"

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


def read_range(query: Mapping[str, str], now: datetime, usual: str = USUAL) -> Range:
    """What ``?range=``, ``?from=&until=`` or ``?when=`` (words) ask for; ``usual`` where they make
    no sense.
    """
    since, until = _moment(query.get("from")), _moment(query.get("until"))
    if since and until and _is_sensible(since, until, now):
        return Range("", since, min(until, now))
    words = query.get("when", "").strip()
    if words and (found := read_words(words, now)) and _is_sensible(*found, now):
        return Range("", found[0], min(found[1], now), words)
    name = query.get("range", usual)
    if name not in ALL:
        name = usual
    fault = f"“{words}” is no range of time between a minute and 400 days." if words else ""
    return Range(name, now - ALL[name][2], now, words, fault)


def _is_sensible(since: datetime, until: datetime, now: datetime) -> bool:
    return SHORTEST <= until - since <= LONGEST and since < now


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
