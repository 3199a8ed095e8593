"""What an agent wrote within a quarantine's time: found in the audit, never kept in a list of its
own, so that what is erased there is erased here.

The writes of one entry are one item, named by the record of the first. How it stands is seen
against the entry as it is now:

* ``clean``: nobody wrote since; rolling it back brings back what was before;
* ``changed_since``: somebody else wrote after or in between, and that would be lost;
* ``leased``: somebody works on it; ``lost``: what was before is no longer kept;
* ``gone``: its namespace or its row is no more; ``kept`` and ``rolled_back``: decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from governance.quarantine.models import Quarantine
from stateward.kernel.flow import Flow, Statement
from stateward.state.entries import parse_labels
from stateward.state.queries import Reader, open_reader, row_decision
from stateward.tenancy.actors import Actor, Call

UNDER_WAY = timedelta(minutes=1)  # a write that was under way when its agent was paused
STANDINGS = ("clean", "changed_since", "leased", "lost", "gone", "kept", "rolled_back")
OPEN = frozenset({"clean", "changed_since", "leased", "lost"})  # wait for a verdict

# The planner takes scattered pages for dearer than they are: as the audit's explorer does.
PLAN = "SELECT set_config('random_page_cost', '1.1', true)"
FOUND = """
WITH mine AS (
    SELECT namespace_id, entry_key, count(*) AS writes, min(version) AS first,
        max(version) AS last, (array_agg(id ORDER BY version))[1] AS id, min(at) AS first_at,
        max(at) AS last_at, (array_agg(action ORDER BY version DESC))[1] AS action
    FROM (
        SELECT r.id, r.at, r.action, r.namespace_id, r.entry_key,
            (convert_from(r.record, 'UTF8')::jsonb ->> 'version')::bigint AS version
        FROM stateward_audit_record r
        WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.at < %(until)s
          AND r.actor_id = %(agent)s AND r.outcome = 'allow' AND r.resource_type = 'entry'
          AND r.action IN ('state.write', 'state.delete')
          AND r.namespace_id IS NOT NULL AND r.entry_key IS NOT NULL
    ) written WHERE version IS NOT NULL GROUP BY namespace_id, entry_key
), beside AS (
    SELECT m.*, n.name, e.version AS now, e.is_alive AND (e.expires_at IS NULL OR
            e.expires_at > clock_timestamp()) AS alive, e.labels::text AS labels, e.updated_at,
        e.actor_name, e.lease_actor_name, b.operation AS before,
        b.value IS NOT NULL AS before_lives, v.verdict, v.version AS back, v.by,
        CASE WHEN v.verdict IS NOT NULL THEN v.verdict
            WHEN n.id IS NULL OR e.key IS NULL THEN 'gone'
            WHEN e.version <> m.last OR m.last - m.first + 1 <> m.writes THEN 'changed_since'
            WHEN m.first > 1 AND (b.operation IS NULL OR b.value IS NULL
                AND b.operation NOT IN ('delete', 'expire')) THEN 'lost'
            WHEN e.lease_until > clock_timestamp() THEN 'leased'
            ELSE 'clean' END AS standing
    FROM mine m
    LEFT JOIN stateward_namespace n ON n.tenant_id = %(tenant)s AND n.id = m.namespace_id
        AND n.deleted_at IS NULL
    LEFT JOIN LATERAL (SELECT * FROM stateward_entry e WHERE e.tenant_id = %(tenant)s
        AND e.namespace_id = m.namespace_id AND e.key = m.entry_key OFFSET 0) e ON true
    LEFT JOIN LATERAL (SELECT r.operation, r.value FROM stateward_revision r
        WHERE r.tenant_id = %(tenant)s AND r.namespace_id = m.namespace_id
          AND r.key = m.entry_key AND r.version = m.first - 1 OFFSET 0) b ON true
    LEFT JOIN stateward_quarantine_verdict v ON v.tenant_id = %(tenant)s
        AND v.quarantine_id = %(quarantine)s AND v.record_id = m.id
)
"""
PAGE = f"""{FOUND}
SELECT id, namespace_id, name, entry_key, writes, first, last, first_at, last_at, action, now,
    alive, labels, updated_at, actor_name, lease_actor_name, before, before_lives, verdict, back,
    by, standing
FROM beside
WHERE (%(standing)s::text IS NULL OR standing = %(standing)s)
  AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s))
  AND (%(at)s::timestamptz IS NULL OR (last_at, id) < (%(at)s, %(after)s))
ORDER BY last_at DESC, id DESC LIMIT %(limit)s
"""
COUNT = f"{FOUND} SELECT standing, count(*), sum(writes) FROM beside GROUP BY standing"


class Place(NamedTuple):
    """Where a page goes on: items before this one."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Item:
    """One entry that the agent wrote, and how that stands."""

    id: UUID  # of the record of its first write here
    namespace_id: UUID
    namespace: str | None
    key: str
    writes: int
    first: int
    last: int
    first_at: datetime
    last_at: datetime
    action: str
    now: int | None
    is_alive: bool | None
    labels: str | None
    updated_at: datetime | None
    updated_by: str | None
    leased_by: str | None
    before_operation: str | None
    before_lives: bool
    verdict: str | None
    back: int | None
    by: str | None
    standing: str

    @property
    def before(self) -> int | None:
        """The version that rolling back brings back; None where there was nothing."""
        return self.first - 1 if self.before_lives else None

    @property
    def place(self) -> Place:
        return Place(self.last_at, self.id)

    @property
    def change(self) -> str:
        """What the agent did to the entry, all in all: created, changed or deleted."""
        if self.action == "state.delete":
            return "deleted"
        return "changed" if self.before_lives else "created"


@dataclass(frozen=True, slots=True)
class Tally:
    """How the review stands: entries by standing, and what they come to."""

    by_standing: Mapping[str, int]
    writes: int

    @property
    def entries(self) -> int:
        return sum(self.by_standing.values())

    @property
    def undecided(self) -> int:
        return sum(count for name, count in self.by_standing.items() if name in OPEN)

    @property
    def clean(self) -> int:
        return self.by_standing.get("clean", 0)


def tally(quarantine: Quarantine) -> Flow[Tally]:
    yield Statement(PLAN)
    rows = yield Statement(COUNT, _asked(quarantine))
    counts = {row[0]: row[1] for row in rows}
    return Tally(counts, int(sum(row[2] for row in rows)))


def items_of(
    quarantine: Quarantine,
    *,
    standing: str | None = None,
    ids: Sequence[UUID] | None = None,
    after: Place | None = None,
    limit: int = 100,
) -> Flow[list[Item]]:
    """What the agent wrote, newest first, whoever asks: services and lists decide what is shown."""
    yield Statement(PLAN)
    asked = _asked(quarantine) | {
        "standing": standing,
        "ids": None if ids is None else list(ids),
        "at": after.at if after else None,
        "after": after.id if after else None,
        "limit": limit,
    }
    rows = yield Statement(PAGE, asked)
    return [Item(*row) for row in rows]


class ItemPage(NamedTuple):
    items: list[Item]
    next_after: Place | None


def readable_items(
    actor: Actor,
    call: Call,
    quarantine: Quarantine,
    *,
    standing: str | None = None,
    after: Place | None = None,
    limit: int = 100,
) -> Flow[ItemPage]:
    """A page of those whose entries the caller may know of: the same as single checks allow."""
    kept: list[Item] = []
    readers: dict[str, Reader] = {}
    while True:
        rows = yield from items_of(quarantine, standing=standing, after=after, limit=limit + 1)
        for item in rows:
            if not (yield from may_know(actor, call, item, readers)):
                continue
            if len(kept) == limit:
                return ItemPage(kept, kept[-1].place)
            kept.append(item)
        if len(rows) <= limit:
            return ItemPage(kept, None)
        after = rows[-1].place


def may_know(actor: Actor, call: Call, item: Item, readers: dict[str, Reader]) -> Flow[bool]:
    """Whether the caller may know of the entry; of what is gone, nobody is told the key."""
    if item.namespace is None:
        return False
    reader = readers.get(item.namespace)
    if reader is None:
        reader = yield from open_reader(actor, call, item.namespace, 0.0)
        readers[item.namespace] = reader
    decision = row_decision(reader, "state.read_meta", item.key, parse_labels(item.labels))
    return decision.allowed


def _asked(quarantine: Quarantine) -> dict[str, Any]:
    return {
        "tenant": quarantine.tenant_id,
        "agent": quarantine.agent_id,
        "since": quarantine.since,
        "until": quarantine.opened_at + UNDER_WAY,
        "quarantine": quarantine.id,
    }
