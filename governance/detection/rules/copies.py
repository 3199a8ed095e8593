"""Whether the log is still what was sealed, and whether its copies elsewhere keep up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from governance.detection.rule import Hit, Rule, Scene, Subject, Threshold, Thresholds
from stateward.gate.audit.exceptions import EvidenceBroken
from stateward.gate.audit.proofs import latest_checkpoint
from stateward.gate.audit.stream import Stretch, stretch_from
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.scope import execute, run_flow

LOOKED_AT = 256  # places of the newest, and as many of the older ones in turn
FAILING = """
SELECT id, name, failing_since, said, state FROM stateward_sink
WHERE tenant_id = %s AND state <> 'paused' AND (failing_since < %s OR state = 'disabled')
"""
ERASED = """
SELECT convert_from(record, 'UTF8')::jsonb #> '{details,erased}' FROM stateward_audit_record
WHERE tenant_id = %s AND action = 'audit.erase' AND outcome = 'allow'
"""


def _altered(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    until = scene.span.until
    turn = int(until.timestamp() // 60)
    try:
        found = run_flow(_walked(scene.tenant_id, turn))
    except EvidenceBroken as broken:
        yield Hit(_log(), _told(broken.detail), until, until, count=1, is_episode=True)
        return
    gone = {one.index for part in found for one in part.places if one.record is None}
    places = sorted(gone - _erased(scene.tenant_id)) if gone else []
    strange = {one.id for part in found for one in part.strange}
    if places:
        what = f"Place {places[0]:,} of the log no longer holds the record that was sealed there."
        count = len(places)
    elif strange:
        what = "Records were put among those that are sealed."
        count = len(strange)
    else:
        return
    yield Hit(_log(), _told(what), until, until, count=count, is_episode=True)


def _walked(tenant_id: UUID, turn: int) -> Flow[list[Stretch]]:
    """The newest places, and a stretch of the older ones: the next one at the next look."""
    try:
        size = (yield from latest_checkpoint(tenant_id)).size
    except NotFound:
        return []
    newest = max(size - LOOKED_AT, 0)
    starts = {newest}
    if newest:
        starts.add(turn % -(-newest // LOOKED_AT) * LOOKED_AT)
    parts = []
    for start in sorted(starts):
        part = yield from stretch_from(tenant_id, start, LOOKED_AT)
        if part is not None:
            parts.append(part)
    return parts


def _erased(tenant_id: UUID) -> set[int]:
    """Places whose erasure a later record documents."""
    ranges = (row[0] or [] for row in execute(Statement(ERASED, (tenant_id,))))
    return {place for found in ranges for low, high in found for place in range(low, high)}


def _log() -> Subject:
    return Subject("audit_log", "records", "the audit log")


def _told(what: str) -> Any:
    def says(name: str, count: int) -> str:
        return what

    return says


def _failing(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    until = scene.span.until
    before = until - timedelta(minutes=thresholds["minutes"])
    for sink_id, name, since, said, state in execute(Statement(FAILING, (scene.tenant_id, before))):
        stopped = "has stopped" if state == "disabled" else "fails"
        what = f"The copy of the log to {name} {stopped}: {said}"
        subject = Subject("sink", str(sink_id), name)
        yield Hit(subject, _told(what), since or until, until, count=1, is_episode=True)


RULES = (
    Rule(
        "log_altered",
        21,
        "The log is not what was sealed",
        "Somebody with the database in hand changed, removed or inserted audit records.",
        "Keep the disk as it is. Export everything, run the verifier, and compare with the copies "
        "elsewhere.",
        "critical",
        ("ASI06",),
        (),
        _altered,
        frozenset({"tenant", "platform"}),
    ),
    Rule(
        "sink_failing",
        21,
        "A copy of the log does not keep up",
        "Without copies elsewhere, whoever owns the database can rewrite the past unseen.",
        "Look at the sink's page for what it answered; what waits is kept and follows.",
        "high",
        ("ASI06",),
        (Threshold("minutes", "Minutes a sink may fail", 10, 1, 1440),),
        _failing,
    ),
)
