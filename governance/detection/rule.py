"""What a rule is: a question put to every look, with its thresholds, severity and tags as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governance.detection.sightings import Sighting, Span

MINUTE = timedelta(minutes=1)
Thresholds = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number a tenant may set between ``least`` and ``most``."""

    name: str
    says: str
    usual: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an alert is about. ``name`` is empty where it is to be looked up."""

    type: str
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found about one subject.

    ``says`` makes the alert's sentence of the subject's name and the count so far. An ``episode``
    is a state that lasts: it is counted anew each time, and one that was resolved is not raised
    again before it began anew (``first_at``).
    """

    subject: Subject
    says: Callable[[str, int], str]
    first_at: datetime
    last_at: datetime
    sightings: Sequence[Sighting] = ()
    count: int = 0
    asks: Mapping[str, str] = field(default_factory=dict)
    is_episode: bool = False
    severity: str | None = None  # where this very finding is worse than the rule's usual


def hit_of(
    subject: Subject,
    sightings: Sequence[Sighting],
    says: Callable[[str, int], str],
    **asks: str,
) -> Hit:
    """A hit that rests on records."""
    return Hit(
        subject,
        says,
        min(one.at for one in sightings),
        max(one.at for one in sightings),
        sightings,
        sum(one.weight for one in sightings),
        asks,
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule is shown of one look."""

    span: Span
    sightings: Sequence[Sighting]

    @property
    def tenant_id(self) -> UUID:
        return self.span.tenant_id

    def of(self, *actions: str, outcome: str | None = None) -> list[Sighting]:
        """The sightings of these actions, or with this outcome, or both."""
        return [
            one
            for one in self.sightings
            if (not actions or one.action in actions) and outcome in {None, one.outcome}
        ]


Find = Callable[[Scene, Thresholds], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """``number`` is the rule's place in the catalogue; ``of`` whose trees it looks at."""

    name: str
    number: int
    title: str
    why: str
    advice: str
    severity: str
    tags: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    find: Find
    of: frozenset[str] = frozenset({"tenant"})
    interval: timedelta = MINUTE

    def usual(self) -> dict[str, int]:
        return {one.name: one.usual for one in self.thresholds}

    def back(self, thresholds: Thresholds) -> timedelta:
        """How far before the look it must see."""
        return timedelta(minutes=thresholds.get("minutes", 0))


def minutes(usual: int, most: int = 1440) -> Threshold:
    """The length of a rule's window."""
    return Threshold("minutes", "Length of the window in minutes", usual, 1, most)


def within(thresholds: Thresholds) -> timedelta:
    return timedelta(minutes=thresholds["minutes"])


def actor_of(sighting: Sighting) -> Subject:
    return Subject(sighting.actor_type, str(sighting.actor_id), sighting.actor_name)


def as_json(subject: Subject) -> dict[str, Any]:
    return {"type": subject.type, "id": subject.id, "name": subject.name}
