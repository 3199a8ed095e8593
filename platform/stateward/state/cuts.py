"""Cuts: what a namespace was, whole, at one moment that can be asked for again.

A cut is a snapshot of the database, and maybe a time. In it is each revision that the snapshot
sees, and that is no later than the time; a transaction is wholly in or wholly out, because its
revisions share both. A pass of the feed is such a snapshot, so the cut that a time gives lies at
the feed's newest position by then. A checkpoint keeps one under a name, a branch begins at one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from stateward.kernel.clock import parse_rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.kernel.flow import Flow, Statement
from stateward.web.cursors import decode_cursor, encode_cursor

NOW = "SELECT pg_current_snapshot()::text, statement_timestamp()"
AT = "SELECT snapshot, until FROM stateward_cut_at(%s)"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# PostgreSQL writes a snapshot as xmin:xmax:xip; this is what of it may come from outside.
_SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19}){0,9999})?)")
_LARGEST_XID = 2**63 - 1
_LARGEST_MICROSECONDS = 253_402_300_799_999_999  # the end of the year 9999


class Cut(NamedTuple):
    """One moment of a namespace."""

    snapshot: str
    until: datetime | None  # nothing later belongs to it; None: all that the snapshot sees
    when: datetime  # by which it is judged what had expired
    restores: int = 0  # how often what it is of came back from a backup

    @property
    def parameters(self) -> tuple[int, str, datetime | None, datetime]:
        """As the functions of ``sql/history.sql`` take them."""
        return self.restores, self.snapshot, self.until, self.when

    @property
    def position(self) -> str:
        """What ``Stateward-As-Of`` says: it asks for this very cut again."""
        until = None if self.until is None else _microseconds(self.until)
        return encode_cursor([self.snapshot, until, _microseconds(self.when), self.restores])


def cut_now() -> Flow[Cut]:
    """All that is committed by now."""
    rows = yield Statement(NOW)
    return Cut(rows[0][0], None, rows[0][1])


def cut_at(at: datetime) -> Flow[Cut]:
    """The cut that a time gives; one still to come gives the present."""
    rows = yield Statement(AT, (at,))
    return Cut(rows[0][0], rows[0][1], rows[0][1])


def parse_moment(text: str, *, name: str) -> Cut | datetime:
    """A time (RFC 3339), or a position as ``Stateward-As-Of`` named it; 400 for anything else."""
    if text[:1].isdigit():
        return parse_rfc3339(text.replace(" ", "+"))
    try:
        return _parse_position(text)
    except (Malformed, ValueError, OverflowError):
        message = f"the parameter {name} is neither a time nor a position"
        raise Malformed(
            f"{name} is a time such as 2026-11-21T09:42:17Z, or what Stateward-As-Of said.",
            errors=(Fault("", message),),
        ) from None


def settle_moment(moment: Cut | datetime) -> Flow[Cut]:
    """The cut that was meant."""
    return moment if isinstance(moment, Cut) else (yield from cut_at(moment))


def _parse_position(text: str) -> Cut:
    snapshot, until, when, restores = decode_cursor(text, length=4)
    if not isinstance(snapshot, str) or not _is_snapshot(snapshot):
        raise ValueError
    if not isinstance(restores, int) or not 0 <= restores <= 1000:
        raise ValueError
    return Cut(snapshot, None if until is None else _moment(until), _moment(when), restores)


def _is_snapshot(text: str) -> bool:
    """Whether PostgreSQL takes it: what was under way lies, in order, between its two ends."""
    found = _SNAPSHOT.fullmatch(text)
    if found is None:
        return False
    low, high = int(found[1]), int(found[2])
    between = [int(one) for one in found[3].split(",")] if found[3] else []
    ordered = sorted(set(between))
    return (
        0 < low <= high <= _LARGEST_XID
        and between == ordered
        and all(low <= one < high for one in between)
    )


def _moment(value: Any) -> datetime:
    if type(value) is not int or not 0 <= value <= _LARGEST_MICROSECONDS:
        raise ValueError
    return EPOCH + value * MICROSECOND


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND
