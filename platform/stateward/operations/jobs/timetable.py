"""The timetable's machinery: slots, and who sends what is due.

A slot is a moment of the timetable, by the database's clock: midnight, or every fifteen seconds.
Its run is a row that exists once, however many timetables are at work; the broker only carries a
reminder of it. What the broker loses is sent again, what a worker leaves undone too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

SEND_AGAIN = timedelta(seconds=30)

# A job that is still open has its next slots left out: they would do the same once more.
DUE = """
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
slots AS (
    SELECT t.name, date_bin(t.every, clock.now, timestamptz '2000-01-01 00:00+00' + t.after) AS slot
    FROM unnest(%s::text[], %s::interval[], %s::interval[]) AS t (name, every, after), clock
),
fresh AS (
    INSERT INTO stateward_job_run (name, slot)
    SELECT s.name, s.slot FROM slots s WHERE NOT EXISTS (
        SELECT FROM stateward_job_run r WHERE r.tenant_id IS NULL AND r.name = s.name
        AND (r.slot = s.slot OR r.state IN ('queued', 'running')))
    ON CONFLICT DO NOTHING RETURNING id, name
),
lost AS (
    UPDATE stateward_job_run SET sent_at = clock.now FROM clock WHERE id IN (
        SELECT id FROM stateward_job_run
        WHERE state IN ('queued', 'running') AND sent_at < clock_timestamp() - %s::interval
        AND name = ANY (%s) FOR UPDATE SKIP LOCKED)
    RETURNING id, name
)
SELECT id, name FROM fresh UNION ALL SELECT id, name FROM lost
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A job of the timetable: ``every`` so long, ``after`` so long past the round hour or day."""

    name: str
    every: timedelta
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Due:
    """A run to be sent to the workers now."""

    run_id: UUID
    name: str


def take_due(timetable: Sequence[Slot], *, again_after: timedelta = SEND_AGAIN) -> Flow[list[Due]]:
    """Take the slots that have come and nobody took, and the runs whose message seems lost.

    ``again_after``: how long after its last sending an open run is sent again. A worker that is at
    it all the while ignores the second message.
    """
    rows = yield Statement(
        DUE,
        (
            [slot.name for slot in timetable],
            [slot.every for slot in timetable],
            [slot.after for slot in timetable],
            again_after,
            [slot.name for slot in timetable],
        ),
    )
    return [Due(*row) for row in rows]
