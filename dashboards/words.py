"""A range of time as people type it: "3 hours ago", "yesterday 09:40 to now", "20 Nov".

Times are UTC, days begin at midnight, weeks on Monday. A moment alone stands for "since then", a
day, week or month alone for all of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
SHORT = {
    "m": "minute", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "d": "day", "w": "week", "y": "year",
}  # fmt: skip
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "half an": 0.5}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAY = timedelta(days=1)

AGO = re.compile(r"(?:(?:last|past) )?(\d{1,6}|an?|one|two|three|half an) ?([a-z]+?)s?( ago)?")
CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?")
DATE = re.compile(r"(\d{1,2})\.? ([a-z]{3,9})(?: (\d{4}))?")
MONTH_FIRST = re.compile(r"([a-z]{3,9}) (\d{1,2})(?: (\d{4}))?")
EPOCH = re.compile(r"(\d{10})(\d{3})?")
SINCE = re.compile(r"^(?:since|from|between) ")
BETWEEN = re.compile(r" (?:to|until|till|and|–|-|…) | ?\.\. ?")

Stretch = tuple[datetime, datetime]


class Point(NamedTuple):
    """What one side names: ``over`` is when it is over, itself for a moment."""

    begin: datetime
    over: datetime


def read_words(text: str, now: datetime) -> Stretch | None:
    """(since, until) of what was typed; None for what is not understood."""
    words = " ".join(text.lower().replace(",", " ").split())[:200]
    first, *rest = BETWEEN.split(words, maxsplit=1)
    bare = SINCE.sub("", first)
    try:
        begin = _point(bare, now)
        end = _end(rest[0], begin, now) if rest else None
    except (ValueError, OverflowError):  # 31 February, the year 0
        return None
    if begin is None or (rest and end is None):
        return None
    if end is not None:
        return begin.begin, end.over
    is_moment = begin.over == begin.begin or bare != first
    return begin.begin, now if is_moment else begin.over


def _end(text: str, begin: Point | None, now: datetime) -> Point | None:
    """``04:00 to 05:00`` ends on the day it began, or on the next."""
    if begin is None or not CLOCK.fullmatch(text):
        return _point(text, now)
    end = _at(_midnight(begin.begin), text)
    return Point(end.begin + DAY, end.over + DAY) if end and end.over <= begin.begin else end


def _point(text: str, now: datetime) -> Point | None:
    if text == "now":
        return Point(now, now)
    found = (read(text, now) for read in (_ago, _named, _epoch, _iso, _dated))
    return next((point for point in found if point), None)


def _ago(text: str, now: datetime) -> Point | None:
    match = AGO.fullmatch(text)
    if not match:
        return None
    number, unit, ago = match.groups()
    length = UNITS.get(SHORT.get(unit, unit))
    if length is None:
        return None
    since = now - length * (NUMBERS[number] if number in NUMBERS else int(number))
    return Point(since, since if ago else now)


def _named(text: str, now: datetime) -> Point | None:
    word, _, clock = text.partition(" ")
    today = _midnight(now)
    if word in {"today", "yesterday"}:
        day = today - DAY * (word == "yesterday")
        return _at(day, clock) if clock else Point(day, min(day + DAY, now))
    week, month = today - DAY * today.weekday(), today.replace(day=1)
    before = (month - DAY).replace(day=1)
    return {
        "this week": Point(week, now),
        "last week": Point(week - 7 * DAY, week),
        "this month": Point(month, now),
        "last month": Point(before, month),
    }.get(text)


def _epoch(text: str, now: datetime) -> Point | None:
    match = EPOCH.fullmatch(text)
    moment = match and datetime.fromtimestamp(int(match[1]), UTC)
    return Point(moment, moment) if moment else None


def _iso(text: str, now: datetime) -> Point | None:
    try:
        moment = datetime.fromisoformat(text.upper().replace(" UTC", "Z"))
    except ValueError:
        return None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return Point(moment, moment + DAY if len(text) == len("2026-11-20") else moment)


def _dated(text: str, now: datetime) -> Point | None:
    """``20 Nov``, ``Nov 20 2026 09:40``, ``09:40``."""
    text = text.removesuffix(" utc")
    if CLOCK.fullmatch(text):
        found = _at(_midnight(now), text)
        return Point(*(side - DAY for side in found)) if found and found.begin > now else found
    head, _, last = text.rpartition(" ")
    clock = last if CLOCK.fullmatch(last) else ""
    day = _day(head if clock else text, now)
    if day is None:
        return None
    return _at(day, clock) if clock else Point(day, day + DAY)


def _day(text: str, now: datetime) -> datetime | None:
    if match := DATE.fullmatch(text):
        number, name, year = match.groups()
    elif match := MONTH_FIRST.fullmatch(text):
        name, number, year = match.groups()
    else:
        return None
    if name[:3] not in MONTHS:
        return None
    day = datetime(int(year or now.year), MONTHS.index(name[:3]) + 1, int(number), tzinfo=UTC)
    return day if year or day <= now else day.replace(year=day.year - 1)


def _at(day: datetime, clock: str) -> Point | None:
    match = CLOCK.fullmatch(clock)
    if not match:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    moment = day.replace(hour=hour, minute=minute, second=second)
    return Point(moment, moment)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
