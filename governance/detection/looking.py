"""One look at a tenant's records: each rule once over what is new, in one transaction.

Rows of progress are locked for the look, so that two workers look one after the other and the
second finds nothing new; a worker that dies leaves nothing behind, and the next look covers the
same again. After an hour of silence one look covers the hour: windows slide over sightings by their
own times, so that what it finds is what sixty looks would have found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction

from governance.detection.heartbeat import silence_before, silent_rules
from governance.detection.raising import raise_alert
from governance.detection.relay import relay
from governance.detection.rule import Scene
from governance.detection.rules import rules_of
from governance.detection.settings import RuleInForce, rules_in_force
from governance.detection.sightings import NOTHING, Sighting, Span, look
from stateward.kernel.flow import Statement
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import execute, run_flow, tenant_scope

log = logging.getLogger("stateward.detection")

FIRST_LOOK = timedelta(hours=1)  # how far back a rule looks that never looked before
EARLY = timedelta(seconds=10)  # a look that comes this much before its time is on time

BEGIN = """
INSERT INTO stateward_detection_progress (tenant_id, rule, snapshot, until)
SELECT %s, rule, %s::pg_snapshot, clock_timestamp() - %s::interval FROM unnest(%s::text[]) AS rule
ON CONFLICT DO NOTHING
"""
LOCK = """
SELECT rule, snapshot::text, until FROM stateward_detection_progress
WHERE tenant_id = %s AND rule = ANY (%s) ORDER BY rule FOR UPDATE
"""
NOW = "SELECT pg_current_snapshot()::text, clock_timestamp()"
DONE = """
UPDATE stateward_detection_progress
SET snapshot = %s::pg_snapshot, until = %s, evaluated_at = clock_timestamp(), error = NULL
WHERE tenant_id = %s AND rule = ANY (%s)
"""
FAILED = "UPDATE stateward_detection_progress SET error = %s WHERE tenant_id = %s AND rule = %s"


@dataclass(slots=True)
class Looked:
    """What a look came to."""

    rules: int = 0
    failed: int = 0
    opened: int = 0
    grew: int = 0
    suppressed: int = 0
    known: int = 0
    relayed: int = 0

    def note(self, what: str) -> None:
        """One more of what ``raise_alert`` says."""
        setattr(self, what, getattr(self, what) + 1)

    def add(self, other: Looked) -> None:
        for name in ("rules", "failed", "opened", "grew", "suppressed", "known", "relayed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def as_counts(self) -> dict[str, int]:
        names = ("rules", "failed", "opened", "grew", "suppressed", "relayed")
        return {name: getattr(self, name) for name in names}


def look_at(tenant_id: UUID, guard: Callable[[], None] | None = None) -> Looked:
    """Evaluate every rule that is due for a tenant, or for ``PLATFORM``; what came of it.

    ``guard`` comes first in the transaction: it refuses a worker that lost its run.
    """
    looked = Looked()
    with tenant_scope(tenant_id):
        if guard is not None:
            guard()
        rules = _rules(tenant_id)
        progress = _lock(tenant_id, [one.rule.name for one in rules])
        silence = silence_before(tenant_id, rules)
        snapshot, now = execute(Statement(NOW))[0]
        due = [one for one in rules if _is_due(one, progress[one.rule.name][1], now)]

        def place(one: RuleInForce) -> tuple[datetime, str]:
            before, until = progress[one.rule.name]
            return until, before

        for (since, before), together in groupby(sorted(due, key=place), key=place):
            span = Span(tenant_id, before, snapshot, since, now)
            _look_together(span, list(together), looked)
        for silent in (*silence, *silent_rules(tenant_id, rules)):
            looked.note(raise_alert(tenant_id, *silent, now))
    return looked


def _look_together(span: Span, rules: Sequence[RuleInForce], looked: Looked) -> None:
    """All rules that looked last at the same moment see the same sightings."""
    back = max(one.rule.back(one.thresholds) for one in rules)
    scene = Scene(span, run_flow(look(span, back)))
    if span.tenant_id == PLATFORM:
        looked.relayed += _relay_once(scene.sightings, rules)
    done = [one.rule.name for one in rules if not one.enabled or _look_with(one, scene, looked)]
    execute(Statement(DONE, (span.now, span.until, span.tenant_id, done)))


def _look_with(one: RuleInForce, scene: Scene, looked: Looked) -> bool:
    """Whether the rule could be evaluated; else what it missed is looked at again next time."""
    name, tenant_id = one.rule.name, scene.tenant_id
    looked.rules += 1
    try:
        with transaction.atomic():
            hits = one.rule.find(scene, one.thresholds)
            became = [raise_alert(tenant_id, one, hit, scene.span.until) for hit in hits]
    except Exception as error:
        log.exception("rule.failed", extra={"rule": name, "tenant_id": str(tenant_id)})
        looked.failed += 1
        execute(Statement(FAILED, (type(error).__name__, tenant_id, name)))
        return False
    for what in became:
        looked.note(what)
    return True


def _relay_once(sightings: Iterable[Sighting], rules: Sequence[RuleInForce]) -> int:
    """With the rule that reads them on the other side, so that its progress is the relay's too."""
    names = {one.rule.name for one in rules}
    return relay(sightings) if "sign_in_failures" in names else 0


def _rules(tenant_id: UUID) -> list[RuleInForce]:
    kind = "platform" if tenant_id == PLATFORM else "tenant"
    return rules_in_force(tenant_id, rules_of(kind))


def _lock(tenant_id: UUID, names: list[str]) -> dict[str, tuple[str, datetime]]:
    execute(Statement(BEGIN, (tenant_id, NOTHING, FIRST_LOOK, names)))
    return {
        rule: (snapshot, until)
        for rule, snapshot, until in execute(Statement(LOCK, (tenant_id, names)))
    }


def _is_due(one: RuleInForce, until: datetime, now: datetime) -> bool:
    return until + one.rule.interval - EARLY <= now
