"""Which version of a rule counts, and which change of it has to wait. Plain Python.

A version never changes once written, and takes effect at its own time. What protects takes effect
at once; what could delete something sooner waits out the grace, and what was in force until then
stays so. The newest version whose time has come is in force, so that a later word ends the wait of
an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from governance.retention.terms import Terms


class Written(NamedTuple):
    """One version: ``terms`` is None where it ends the rule."""

    number: int
    terms: Terms | None
    takes_effect_at: datetime


class Standing(NamedTuple):
    """How a rule stands at a moment."""

    in_force: Written | None
    pending: Written | None  # the newest word, where it has yet to come into force

    @property
    def newest(self) -> Written | None:
        return self.pending or self.in_force

    @property
    def is_over(self) -> bool:
        """Whether the rule has ended and nothing is to come."""
        newest = self.newest
        return self.pending is None and (newest is None or newest.terms is None)


def standing(versions: Iterable[Written], now: datetime) -> Standing:
    ordered = sorted(versions, key=lambda version: version.number)
    effective = [one for one in ordered if one.takes_effect_at <= now]
    in_force = effective[-1] if effective else None
    newest = ordered[-1] if ordered else None
    return Standing(in_force, newest if newest is not in_force else None)


def loosens(old: Terms | None, new: Terms | None, others: Sequence[Terms]) -> bool:
    """Whether putting ``new`` in the place of ``old`` could delete anything sooner. ``others``: the
    other rules that count or will.
    """
    if old is None:
        return new is not None and new.kind == "delete"
    if new is not None:
        is_longer = (new.scope, new.clock) == (old.scope, old.clock) and new.days >= old.days
        return not is_longer or (new.erase_audit and not old.erase_audit)
    if old.kind == "retain":
        return True
    # Without it a more general rule counts in its place, which may be the shorter one.
    return any(other.kind == "delete" and other.scope.may_overlap(old.scope) for other in others)
