"""How numbers, sizes and spans of time are written: thin rules, the same on every page.

A unit stands apart from its number by a no-break space; counts are decimal, bytes binary.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

GAP = "\u00a0"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its unit, apart, so that a page may set the unit smaller."""

    number: str
    unit: str = ""

    def __str__(self) -> str:
        if not self.unit:
            return self.number
        return f"{self.number}{'' if self.unit.startswith('/') else GAP}{self.unit}"


def whole(value: float) -> str:
    """``1,204``."""
    return f"{round(value):,}"


def plural(value: float, one: str, many: str) -> str:
    """``1 key``, ``1,204 keys``."""
    return f"{whole(value)} {one if value == 1 else many}"


def digits(value: float) -> str:
    """Three significant digits: ``0.05``, ``9.1``, ``38.2``, ``417``."""
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    places = 1 if size >= 10 else 2
    text = f"{value:.{places}f}"
    if text.strip("-0.") == "":
        return "< 0.01"
    return text.rstrip("0").rstrip(".")


def count(value: float) -> Figure:
    """Exact below a million, then ``2.41 M``."""
    if abs(value) < 1_000_000:
        return Figure(whole(value))
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= limit:
            return Figure(f"{value / limit:.2f}", unit)
    return Figure(whole(value))


def size(value: float) -> Figure:
    """Bytes, binary: ``612 B``, ``1.1 KiB``, ``38.2 GiB``."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return Figure(whole(amount) if unit == "B" else digits(amount), unit)
        amount /= 1024
    return Figure(digits(amount), "TiB")


def span(delta: timedelta) -> str:
    """The units that matter: ``0.8 s``, ``41 s``, ``3 min``, ``2 h 10 min``, ``61 d``."""
    seconds = max(delta.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f}{GAP}s"
    if seconds < 60:
        return f"{seconds:.0f}{GAP}s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}{GAP}min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}{GAP}h" + (f" {minutes}{GAP}min" if minutes and hours < 10 else "")
    return f"{hours // 24}{GAP}d"


def moment(at: datetime, now: datetime) -> str:
    """Relative within a day (``3 min ago``, ``in 2 h``), else the date and the minute, in UTC."""
    at = at.astimezone(UTC)
    delta = now - at
    if abs(delta) < timedelta(days=1):
        return f"{span(delta)} ago" if delta >= timedelta() else f"in {span(-delta)}"
    if at.year == now.year:
        return f"{at.day} {at:%b %H:%M}"
    return f"{at.day} {at:%b %Y}"


def exact(at: datetime) -> str:
    """``21 Nov 2026, 09:42:17.031 UTC``."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def ratio(now: float, before: float) -> tuple[str, str]:
    """(sentence, tone) of ``now`` against ``before``, such as ``6 % above yesterday``."""
    if before == 0:
        return ("none yesterday" if now else "none yesterday either", "")
    change = now / before
    if change >= 2:
        return (f"{digits(change)} times yesterday", "much")
    percent = round((change - 1) * 100)
    if percent == 0:
        return ("as yesterday", "")
    word = "above" if percent > 0 else "below"
    return (f"{abs(percent)}{GAP}% {word} yesterday", "")
