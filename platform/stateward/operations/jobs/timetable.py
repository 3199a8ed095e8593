"""The timetable's machinery: slots, and who sends what is due.

A slot is a moment of the timetable, by the database's clock: midnight, or every fifteen seconds.
Its run is a row that exists once, however many timetables are at work; the broker only carries a
reminder of it. What the broker loses is sent again. So is, within seconds, what a worker was at
when it was killed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
SEND_AGAIN = timedelta(seconds=15)
LOOK_AGAIN = timedelta(seconds=2)
AT_ONCE = 500  # reminders of one look; the next is a second later

# A job that is still open has its next slots left out: they would do the same once more.
DUE = """
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
slots AS (
    SELECT t.name, date_bin(t.every, clock.now, timestamptz '2000-01-01 00:00+00' + t.after) AS slot
    FROM unnest(%s::text[], %s::interval[], %s::interval[]) AS t (name, every, after), clock
),
fresh AS (
    INSERT INTO stateward_job_run (name, slot)
    SELECT s.name, s.slot FROM slots s
    WHERE NOT EXISTS (
        SELECT FROM stateward_job_open o WHERE o.tenant_id IS NULL AND o.name = s.name)
    AND NOT EXISTS (
        SELECT FROM stateward_job_run r
        WHERE r.tenant_id IS NULL AND r.name = s.name AND r.slot = s.slot)
    ON CONFLICT DO NOTHING RETURNING id, name
),
opened AS (INSERT INTO stateward_job_open (run_id, name) SELECT id, name FROM fresh),
lost AS (
    UPDATE stateward_job_open SET sent_at = clock.now FROM clock WHERE run_id IN (
        SELECT run_id FROM stateward_job_open
        WHERE name = ANY (%s) AND CASE state
            WHEN 'queued' THEN sent_at < clock_timestamp() - %s::interval
            ELSE sent_at < clock_timestamp() - %s::interval
                AND (leased_until < clock_timestamp() OR NOT stateward_job_is_held(run_id, token))
            END
        ORDER BY sent_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING run_id, name
)
SELECT id, name FROM fresh UNION ALL SELECT run_id, name FROM lost
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A job of the timetable: ``every`` so long, ``after`` so long past the round hour or day."""

    name: str
    every: timedelta
    after: timedelta = timedelta(0)

    def latest(self, now: datetime) -> datetime:
        """The last time it came; ``now`` is the database's. The same as ``date_bin`` in ``DUE``."""
        first = ORIGIN + self.after
        return first + (now - first) // self.every * self.every

    def following(self, now: datetime) -> datetime:
        """The next time it comes."""
        return self.latest(now) + self.every


@dataclass(frozen=True, slots=True)
class Due:
    """A run to be sent to the workers now."""

    run_id: UUID
    name: str


def take_due(
    timetable: Sequence[Slot],
    known: Collection[str] = (),
    *,
    again_after: timedelta = SEND_AGAIN,
) -> Flow[list[Due]]:
    """Take the slots that have come and nobody took, the runs whose message seems lost, and those
    whose worker is gone.

    ``known``: the jobs that workers of this version carry out, beside those of the timetable.
    ``again_after``: how long after its last sending a queued run is sent again.
    """
    names = [slot.name for slot in timetable]
    rows = yield Statement(
        DUE,
        (
            names,
            [slot.every for slot in timetable],
            [slot.after for slot in timetable],
            [*names, *known],
            again_after,
            min(again_after, LOOK_AGAIN),
            AT_ONCE,
        ),
    )
    return [Due(*row) for row in rows]
