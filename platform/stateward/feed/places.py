"""Places in a tenant's feed, and the cursors that name them.

A change stands at (pass, last, seq): see ``sql/log.sql``. A place without ``last`` is the end of a
pass: all that it numbered lies before it. ``salt`` is the pass's own mark: a cursor of a history
that was undone by a restore names a pass that is no longer the same.
"""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

from stateward.kernel.errors import Fault, Malformed
from stateward.web.cursors import decode_cursor, encode_cursor

_END = 2**63 - 1


class Place(NamedTuple):
    """Where a follower is: all up to here is known to them."""

    number: int  # of the pass
    salt: int
    last: int | None = None
    seq: int | None = None

    @property
    def rank(self) -> tuple[int, int, int]:
        """Places in order."""
        if self.last is None or self.seq is None:
            return (self.number, _END, _END)
        return (self.number, self.last, self.seq)

    @property
    def transaction(self) -> tuple[int, int | None]:
        """What all changes of one transaction have in common."""
        return (self.number, self.last)

    @property
    def cursor(self) -> str:
        return encode_cursor(self)


def parse_cursor(cursor: str) -> Place:
    """The place a cursor names; Malformed (400) for what was not given out as one."""
    if len(cursor) > 200:
        raise _bad()
    number, salt, last, seq = decode_cursor(cursor, length=4)
    if not _is_count(number) or not _is_count(salt) or salt >= 2**31:
        raise _bad()
    if last is None and seq is None:
        return Place(number, salt)
    if not _is_count(last) or not _is_count(seq):
        raise _bad()
    return Place(number, salt, last, seq)


def _is_count(part: object) -> TypeGuard[int]:
    return isinstance(part, int) and 0 <= part < _END


def _bad() -> Malformed:
    return Malformed(
        "The cursor is not one that was given out here.",
        errors=(Fault("", "the parameter after is not a cursor"),),
    )
