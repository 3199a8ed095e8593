"""How findings live on from scan to scan: a pure rule.

A finding is one item that fails one check. Seen for the first time it is opened; seen again after
it was resolved it has regressed; no longer seen it is resolved, if the check looked at everything.
An accepted risk stays accepted until its day and is open again from then on, seen or not: the
exception ended, not the fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Event = Literal["opened", "regressed", "resolved", "exception_expired"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A known finding, as far as the rule needs it."""

    status: str
    accepted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one item's finding: the event, None where it is only seen again; the status
    it then has.
    """

    item_id: str
    event: Event | None
    status: str


def reconcile(
    known: Mapping[str, Standing], seen: Iterable[str], *, is_conclusive: bool, now: datetime
) -> list[Step]:
    """A step for every item that was seen, and for every known one that changes, in that order."""
    steps = []
    met = set()
    for item_id in seen:
        if item_id not in met:
            met.add(item_id)
            steps.append(_seen(item_id, known.get(item_id), now))
    for item_id in sorted(set(known) - met):
        step = _unseen(item_id, known[item_id], is_conclusive=is_conclusive, now=now)
        if step is not None:
            steps.append(step)
    return steps


def is_lapsed(standing: Standing, now: datetime) -> bool:
    """Whether it counts as accepted, but its exception's day has passed."""
    return standing.status == "accepted" and (
        standing.accepted_until is None or standing.accepted_until <= now
    )


def _seen(item_id: str, standing: Standing | None, now: datetime) -> Step:
    if standing is None:
        return Step(item_id, "opened", "open")
    if standing.status == "resolved":
        return Step(item_id, "regressed", "open")
    if is_lapsed(standing, now):
        return Step(item_id, "exception_expired", "open")
    return Step(item_id, None, standing.status)


def _unseen(item_id: str, standing: Standing, *, is_conclusive: bool, now: datetime) -> Step | None:
    if standing.status == "resolved":
        return None
    if is_conclusive:
        return Step(item_id, "resolved", "resolved")
    if is_lapsed(standing, now):
        return Step(item_id, "exception_expired", "open")
    return None
