"""A rule that nobody evaluates is itself a finding.

What is shown on pages and by ``doctor`` is computed when asked for, so that it is true also when
nothing runs any more. Looks raise an alert besides, where one rule stands still while others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governance.detection.rule import Hit, Rule, Subject, Thresholds
from governance.detection.rules import rules_of
from governance.detection.settings import RuleInForce, rules_in_force
from stateward.kernel.flow import Statement
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import execute

MISSED = 2  # intervals

PROGRESS = """
SELECT clock.now, p.rule, p.evaluated_at, p.error FROM (SELECT clock_timestamp() AS now) clock
LEFT JOIN stateward_detection_progress p ON p.tenant_id = %s
"""


def _never(scene: Any, thresholds: Thresholds) -> Iterator[Hit]:
    yield from ()


RULE = Rule(
    "heartbeat",
    0,
    "A rule is not evaluated",
    "A rule that does not look finds nothing, and says nothing of it.",
    "See what manage.py doctor says of jobs and rules.",
    "high",
    (),
    (),
    _never,
)

HEARTBEAT = RuleInForce(RULE, True, RULE.severity, None, {})


@dataclass(frozen=True, slots=True)
class Beat:
    """When a rule was last evaluated; ``error`` is the kind of what stopped it."""

    rule: RuleInForce
    evaluated_at: datetime | None
    error: str | None
    now: datetime

    @property
    def is_late(self) -> bool:
        """Not within two of its intervals. What never was evaluated is late too."""
        if not self.rule.enabled:
            return False
        return self.evaluated_at is None or self.now - self.evaluated_at > self.most

    @property
    def most(self) -> timedelta:
        return MISSED * self.rule.rule.interval


def heartbeats(tenant_id: UUID, rules: Sequence[RuleInForce] | None = None) -> list[Beat]:
    """Every rule of the tenant with its last evaluation; within the tenant's scope."""
    if rules is None:
        kind = "platform" if tenant_id == PLATFORM else "tenant"
        rules = rules_in_force(tenant_id, rules_of(kind))
    rows = execute(Statement(PROGRESS, (tenant_id,)))
    known = {rule: (evaluated_at, error) for _, rule, evaluated_at, error in rows}
    now = rows[0][0]
    return [Beat(one, *known.get(one.rule.name, (None, None)), now=now) for one in rules]


def silence_before(tenant_id: UUID, rules: Sequence[RuleInForce]) -> list[tuple[RuleInForce, Hit]]:
    """What the heartbeat raises about a time in which nothing was evaluated, as it ends."""
    beats = [beat for beat in heartbeats(tenant_id, rules) if beat.evaluated_at and not beat.error]
    late = [beat for beat in beats if beat.is_late]
    if not late or len(late) < len(beats):
        return []
    since = max(beat.evaluated_at for beat in late if beat.evaluated_at)
    hit = Hit(
        Subject("rule", "all", "every rule"),
        _was_silent(late[0].now - since),
        since,
        late[0].now,
        count=1,
        severity="low",
        is_episode=True,
    )
    return [(HEARTBEAT, hit)]


def silent_rules(tenant_id: UUID, rules: Sequence[RuleInForce]) -> list[tuple[RuleInForce, Hit]]:
    """What the heartbeat raises after a look: the rules that fail, look after look."""
    found = []
    for beat in heartbeats(tenant_id, rules):
        if beat.is_late and beat.error:
            subject = Subject("rule", beat.rule.rule.name, beat.rule.rule.title)
            since = beat.evaluated_at or beat.now
            hit = Hit(subject, _fails(beat.error), since, beat.now, count=1, is_episode=True)
            found.append((HEARTBEAT, hit))
    return found


def _fails(error: str) -> Any:
    def says(name: str, count: int) -> str:
        return f"The rule “{name}” could not be evaluated when it was due ({error})."

    return says


def _was_silent(gap: timedelta) -> Any:
    minutes = int(gap.total_seconds() // 60)

    def says(name: str, count: int) -> str:
        return (
            f"No rule was evaluated for {minutes:,} minutes. What happened meanwhile was "
            "looked at when that ended."
        )

    return says
