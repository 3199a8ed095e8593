"""How much is read: against one's own habit, and right after rights were changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.detection.rule import (
    Hit,
    Rule,
    Scene,
    Subject,
    Threshold,
    Thresholds,
    actor_of,
    minutes,
    within,
)
from governance.detection.sightings import Sighting
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.scope import run_flow

RIGHTS_CHANGED = frozenset({"member.roles_changed", "member.added", "agent.changed"})

LATE = timedelta(minutes=2)  # how long a read's record may take to commit, to be counted at all

# Reads that were counted by the minute are added up anew, for their minutes still grow a little.
COUNTED = """
INSERT INTO stateward_detection_volume AS v (tenant_id, actor_id, day, actor_type, counted)
SELECT %(tenant)s, c.actor_id, (c.minute AT TIME ZONE 'UTC')::date, max(c.actor_type),
    sum(c.count)::bigint
FROM stateward_audit_read_count c
WHERE c.tenant_id = %(tenant)s AND c.minute >= %(midnight)s AND c.action = 'state.read_value'
GROUP BY 2, 3
ON CONFLICT (tenant_id, actor_id, day) DO UPDATE SET counted = excluded.counted
"""
# Reads that were recorded one by one are added once: those that this look is the first to see.
RECORDED = """
INSERT INTO stateward_detection_volume AS v (tenant_id, actor_id, day, actor_type, recorded)
SELECT %(tenant)s, r.actor_id, (r.at AT TIME ZONE 'UTC')::date, max(r.actor_type), count(*)
FROM stateward_audit_record r
WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s
  AND pg_visible_in_snapshot(r.xid, %(now)s::pg_snapshot)
  AND NOT pg_visible_in_snapshot(r.xid, %(before)s::pg_snapshot)
  AND r.action = 'state.read_value' AND r.outcome = 'allow'
GROUP BY 2, 3
ON CONFLICT (tenant_id, actor_id, day) DO UPDATE SET recorded = v.recorded + excluded.recorded
"""
HABIT = """
SELECT t.actor_type, t.actor_id, t.recorded + t.counted, h.days, h.median
FROM stateward_detection_volume t, LATERAL (
    SELECT count(*) AS days, percentile_cont(0.5) WITHIN GROUP (ORDER BY b.recorded + b.counted)
        AS median
    FROM stateward_detection_volume b
    WHERE b.tenant_id = t.tenant_id AND b.actor_id = t.actor_id
      AND b.day < t.day AND b.day >= t.day - 30
) h
WHERE t.tenant_id = %(tenant)s AND t.day = %(day)s AND t.recorded + t.counted >= %(floor)s
"""
FORGET = "DELETE FROM stateward_detection_volume WHERE tenant_id = %(tenant)s AND day < %(day)s"
SINCE = """
SELECT coalesce((SELECT sum(c.count) FROM stateward_audit_read_count c
    WHERE c.tenant_id = %(tenant)s AND c.minute >= date_trunc('minute', %(since)s::timestamptz)
      AND c.actor_id = %(actor)s AND c.action = 'state.read_value'), 0)
  + (SELECT count(*) FROM stateward_audit_record r
    WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.actor_id = %(actor)s
      AND r.action = 'state.read_value' AND r.outcome = 'allow')
"""


def _volume(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    midnight = _midnight_of(scene.span.until)
    run_flow(_count(scene))
    rows = run_flow(_habits(scene, midnight.date(), thresholds["floor"]))
    for kind, actor, reads, days, median in rows:
        if days < thresholds["days"] or reads < thresholds["factor"] * median:
            continue
        yield Hit(
            Subject(kind, str(actor)),
            _read_much(int(median)),
            midnight,
            scene.span.until,
            count=reads,
            asks={"actor": str(actor), "action": "state.read_value"},
            is_episode=True,
        )


def _after_change(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    begin = scene.span.until - within(thresholds)
    for change in scene.sightings:
        if change.outcome != "allow" or change.at < begin or not _changes_rights(change):
            continue
        reads = run_flow(_reads_since(scene, change))
        if reads >= thresholds["reads"]:
            yield Hit(
                Subject(change.resource_type, change.resource_id),
                _read_after(actor_of(change).name),
                change.at,
                scene.span.until,
                [change],
                reads,
                {"actor": change.resource_id},
                is_episode=True,
            )


def _changes_rights(one: Sighting) -> bool:
    if one.action == "grant.manage":
        return one.resource_type in {"agent", "member"}
    if one.event == "agent.changed":
        return one.details.get("roles") != one.details.get("roles_before")
    return one.event in RIGHTS_CHANGED


def _count(scene: Scene) -> Flow[None]:
    span = scene.span
    # The day of the last look once more: its last counts were written after that look.
    midnight = _midnight_of(span.since)
    yield Statement(COUNTED, {"tenant": span.tenant_id, "midnight": midnight})
    yield Statement(
        RECORDED,
        {
            "tenant": span.tenant_id,
            "since": span.since - LATE,
            "now": span.now,
            "before": span.before,
        },
    )
    oldest = (midnight - timedelta(days=32)).date()
    yield Statement(FORGET, {"tenant": span.tenant_id, "day": oldest})


def _habits(scene: Scene, day: Any, floor: int) -> Flow[list[tuple[Any, ...]]]:
    return (yield Statement(HABIT, {"tenant": scene.tenant_id, "day": day, "floor": floor}))


def _reads_since(scene: Scene, change: Sighting) -> Flow[int]:
    rows = yield Statement(
        SINCE, {"tenant": scene.tenant_id, "since": change.at, "actor": change.resource_id}
    )
    return int(rows[0][0])


def _midnight_of(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), datetime.min.time(), UTC)


def _read_much(median: int) -> Any:
    def says(name: str, count: int) -> str:
        return f"{name} read {count:,} values today; on other days it is about {median:,}."

    return says


def _read_after(by: str) -> Any:
    def says(name: str, count: int) -> str:
        return f"{name} read {count:,} values after {by} had changed its rights."

    return says


RULES = (
    Rule(
        "read_after_rights_changed",
        12,
        "Much is read right after rights were changed",
        "Rights are widened, data is taken, and the rights are put back.",
        "Ask who changed the rights what for. Take them back if nobody knows.",
        "high",
        ("API5:2023", "ASI03"),
        (Threshold("reads", "Values read", 500, 10, 10_000_000), minutes(60)),
        _after_change,
    ),
    Rule(
        "read_volume",
        17,
        "Far more is read than usual",
        "A principal takes out many times what it needs on other days.",
        "Look at what it read. Pause the agent if that is not its work.",
        "medium",
        ("API4:2023", "ASI10"),
        (
            Threshold("factor", "Times its own median of 30 days", 5, 2, 1_000),
            Threshold("floor", "Values below which nothing is said", 1_000, 10, 10_000_000),
            Threshold("days", "Days it must be known for", 3, 1, 30),
        ),
        _volume,
        interval=timedelta(minutes=5),
    ),
)
