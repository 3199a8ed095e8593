"""Counts of audit records over a range of time, in at most 300 steps; and who or what had most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.operations.metrics.queries import DAY, HOUR, ORIGIN, step_for
from stateward.operations.metrics.tallies import KEEP

Dimension = Literal["all", "actor", "namespace", "policy", "sign_in"]
By = Literal["action", "family", "outcome", "classification", "value"]
BARS = 60  # steps of a figure whose points are read one by one

# What a record is told apart by; ``family`` is the part of the action before its dot.
EXPRESSIONS: dict[By, str] = {
    "action": "action",
    "family": "split_part(action, '.', 1)",
    "outcome": "outcome",
    "classification": "classification",
    "value": "value",
}
CONDITIONS = """
t.tenant_id = %(tenant)s AND t.dimension = %(dimension)s AND t.at >= %(first)s AND t.at < %(until)s
AND (%(actions)s::text[] IS NULL OR action = ANY (%(actions)s)
    OR EXISTS (SELECT FROM unnest(%(actions)s::text[]) a
        WHERE right(a, 2) = '.*' AND starts_with(action, left(a, -1))))
AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s
    OR %(outcome)s = 'deny' AND outcome <> 'allow')
AND (%(classifications)s::text[] IS NULL OR classification = ANY (%(classifications)s))
AND (%(values)s::text[] IS NULL OR value = ANY (%(values)s))
"""
SERIES = """
SELECT {by}, date_bin(%(step)s, t.at, %(origin)s), sum(count)::bigint
FROM stateward_tally_{table} t WHERE {conditions} GROUP BY 1, 2
"""
RANKED = """
SELECT {by}, max(label), sum(count)::bigint FROM stateward_tally_{table} t
WHERE {conditions} GROUP BY 1 ORDER BY 3 DESC, 1
"""


@dataclass(frozen=True, slots=True)
class Which:
    """Which records are counted: ``actions`` may hold groups (``policy.*``), ``outcome`` may be
    ``deny`` for all denials. The conditions are the audit filter's, so that a count here and the
    records found there are the same.
    """

    dimension: Dimension = "all"
    actions: tuple[str, ...] | None = None
    outcome: str | None = None
    classifications: tuple[str, ...] | None = None
    values: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a range: ``first`` is the first one's begin, ``table`` where they are kept."""

    first: datetime
    until: datetime
    step: timedelta

    @property
    def moments(self) -> list[datetime]:
        number = -((self.first - self.until) // self.step)
        return [self.first + self.step * index for index in range(number)]

    @property
    def table(self) -> str:
        return "minute" if self.step < HOUR else "hour" if self.step < DAY else "day"


@dataclass(frozen=True, slots=True)
class Count:
    """One name, its counts step by step, and all of them together."""

    name: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Ranked:
    """How many records one value had."""

    value: str
    label: str
    count: int


def steps_of(since: datetime, until: datetime, *, now: datetime, most: int = BARS) -> Steps:
    """Steps for at most ``most`` bars, no finer than what is kept; the first may stick out."""
    step = step_for(since, until, now=now, minutes=KEEP["minute"], hours=KEEP["hour"], points=most)
    return Steps(since - (since - ORIGIN) % step, until, step)


def counts_over(tenant_id: UUID, steps: Steps, which: Which, by: By) -> Flow[list[Count]]:
    """A series for each name that occurs, the largest first; within the tenant's scope."""
    asked = _parameters(tenant_id, steps, which)
    rows = yield Statement(
        SERIES.format(by=EXPRESSIONS[by], table=steps.table, conditions=CONDITIONS), asked
    )
    found = {(row[0], row[1]): row[2] for row in rows}
    moments = steps.moments
    series = [
        Count(name, tuple(found.get((name, moment), 0) for moment in moments))
        for name in sorted({row[0] for row in rows})
    ]
    return sorted(series, key=lambda one: -one.total)


def ranked(tenant_id: UUID, steps: Steps, which: Which, by: By = "value") -> Flow[Sequence[Ranked]]:
    """Who or what had how many, the most first."""
    rows = yield Statement(
        RANKED.format(by=EXPRESSIONS[by], table=steps.table, conditions=CONDITIONS),
        _parameters(tenant_id, steps, which),
    )
    return [Ranked(*row) for row in rows]


def _parameters(tenant_id: UUID, steps: Steps, which: Which) -> dict[str, object]:
    def listed(names: tuple[str, ...] | None) -> list[str] | None:
        return None if names is None else list(names)

    return {
        "tenant": tenant_id,
        "dimension": which.dimension,
        "first": steps.first,
        "until": steps.until,
        "step": steps.step,
        "origin": ORIGIN,
        "actions": listed(which.actions),
        "outcome": which.outcome,
        "classifications": listed(which.classifications),
        "values": listed(which.values),
    }
