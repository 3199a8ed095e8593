"""Which alerts a route is to be told of, and when: pure, but for the alert's facts.

A route that is a step of the ladder speaks of an alert that nobody has acknowledged in its time;
any other, of each as it opens. What is quiet waits and is told together afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

SEVERITIES = ("low", "medium", "high", "critical")
DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a route asks for; see ``models.Route``."""

    severity: str
    rules: Collection[str] = ()
    namespaces: Collection[str] = ()
    after: timedelta = timedelta()
    digest: timedelta = timedelta()
    quiet: tuple[int, int] | None = None  # minutes of the day


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an alert. ``namespaces``: those that its records are about."""

    id: UUID
    rule: str
    severity: str
    state: str
    opened_at: datetime
    namespaces: Collection[str] = ()


def fits(wanted: Wanted, alert: Facts) -> bool:
    """Whether the route is about this alert at all."""
    if SEVERITIES.index(alert.severity) < SEVERITIES.index(wanted.severity):
        return False
    if wanted.rules and alert.rule not in wanted.rules:
        return False
    if not wanted.namespaces:
        return True
    return any(_is_beneath(one, of) for one in alert.namespaces for of in wanted.namespaces)


def is_due(wanted: Wanted, alert: Facts, now: datetime) -> bool:
    """Whether it is time to speak of an alert that fits."""
    if alert.state == "resolved" or (wanted.after and alert.state != "open"):
        return False
    if alert.opened_at + wanted.after > now:
        return False
    return alert.severity == "critical" or not is_quiet(wanted.quiet, now)


def messages(
    wanted: Wanted, due: Sequence[Facts], now: datetime, *, most: int
) -> list[list[Facts]]:
    """What is sent of what is due: a message each, or together where the route gathers, where more
    come than ``most``, or where they waited through a quiet stretch.
    """
    if not due:
        return []
    oldest = min(one.opened_at for one in due) + wanted.after
    if wanted.digest:
        ripe = oldest + wanted.digest <= now
        urgent = [one for one in due if one.severity == "critical"]
        rest = [one for one in due if one.severity != "critical"]
        return [[one] for one in urgent[:most]] + ([rest] if ripe and rest else [])
    if len(due) > most:
        return [list(due)]
    return [[one] for one in due]


def is_quiet(quiet: tuple[int, int] | None, now: datetime) -> bool:
    """Whether the minute of the day lies in the stretch, which may go over midnight."""
    if quiet is None:
        return False
    begin, end = quiet
    minute = now.hour * 60 + now.minute
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def _is_beneath(name: str, of: str) -> bool:
    return name == of or name.startswith(f"{of}.")
