"""Whether what happened is still being sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from governance.detection.rule import Hit, Rule, Scene, Subject, Threshold, Thresholds
from stateward.gate.audit.health import log_health
from stateward.tenancy.scope import run_flow


def _sealing(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    health = run_flow(log_health(scene.tenant_id))
    until = scene.span.until
    log = Subject("audit_log", "seals", "the audit log")
    if health.alarm is not None:
        begun = health.sealed_at or until
        yield Hit(
            log,
            _held(health.alarm),
            begun,
            until,
            count=1,
            is_episode=True,
            severity="critical",
        )
        return
    waits_since = health.unsealed_since
    if waits_since and until - waits_since > timedelta(seconds=thresholds["seconds"]):
        yield Hit(log, _late, waits_since, until, count=health.unsealed, is_episode=True)


def _held(alarm: str) -> Any:
    def says(name: str, count: int) -> str:
        return f"Sealing is held: {alarm}"

    return says


def _late(name: str, count: int) -> str:
    records = "1 record waits" if count == 1 else f"{count:,} records wait"
    return f"{records} for a seal longer than allowed: nobody seals, or not fast enough."


RULES = (
    Rule(
        "sealing_late",
        21,
        "Sealing is late, or held",
        "Records that are not sealed prove nothing yet; a held log was found to be inconsistent.",
        "See that the sealer runs (manage.py doctor). If it is held, keep the database as it is, "
        "and compare it with a checkpoint kept elsewhere.",
        "high",
        ("ASI06",),
        (Threshold("seconds", "Seconds a record may wait", 60, 10, 86_400),),
        _sealing,
        frozenset({"tenant", "platform"}),
    ),
)
