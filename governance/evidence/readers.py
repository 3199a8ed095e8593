"""Who read an entry, why they were allowed, and what is not known about it.

A read of a confidential or restricted entry has a record of its own, or is part of the record of a
list or a feed; of public and internal ones only numbers are kept, by namespace. What a record does
not say is said here as not known, never left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from stateward.gate.audit.many import Proven, prove_many
from stateward.gate.audit.queries import COLUMNS, AuditRecord, record_from
from stateward.kernel.flow import Flow, Statement

MOST = 500  # reads that are looked at, the newest
READS = ("state.read_value", "state.decrypt_restricted", "subject.disclose")
FOUND = f"""
SELECT {COLUMNS} FROM stateward_audit_record r
WHERE r.tenant_id = %s AND r.namespace_id = ANY (%s) AND r.action = ANY (%s)
  AND r.at >= %s AND r.at < %s AND (r.entry_key = %s OR r.entry_key IS NULL)
ORDER BY r.at DESC, r.id DESC LIMIT {MOST + 1}
"""
COUNTED = """
SELECT coalesce(sum(count), 0)::bigint, count(DISTINCT actor_id) FROM stateward_audit_read_count
WHERE tenant_id = %s AND namespace_id = ANY (%s) AND action = 'state.read_value'
  AND minute >= date_trunc('minute', %s::timestamptz) AND minute < %s
"""
CUT = "… "  # where the audit shortened a text


@dataclass(frozen=True, slots=True)
class Read:
    """One record. ``is_certain`` is false for one of many entries whose names it could not hold."""

    record: AuditRecord
    operation: str
    version: int | None
    is_certain: bool

    @property
    def purpose(self) -> str:
        return str(self.record.payload.get("purpose") or "")

    @property
    def is_of_many(self) -> bool:
        return self.record.key is None


@dataclass(slots=True)
class Reader:
    """One principal's reads, newest first."""

    type: str
    id: UUID
    name: str
    reads: list[Read] = field(default_factory=list)

    @property
    def last(self) -> datetime:
        return self.reads[0].record.at

    @property
    def first(self) -> datetime:
        return self.reads[-1].record.at

    @property
    def purposes(self) -> list[str]:
        return sorted({one.purpose for one in self.reads if one.purpose})

    @property
    def is_certain(self) -> bool:
        return any(one.is_certain for one in self.reads)

    @property
    def why(self) -> list[tuple[str, str, int]]:
        """(the policies and roles that decided, the sentence, how many reads)."""
        counted: Counter[tuple[str, str]] = Counter()
        for one in self.reads:
            content = one.record.content
            decided = (content.get("decision") or {}).get("determining") or []
            counted[", ".join(map(str, decided)), str(content.get("reason") or "")] += 1
        return [(by, reason, count) for (by, reason), count in counted.most_common()]


@dataclass(frozen=True, slots=True)
class Readers:
    """The answer. ``counted``: reads that were not recorded one by one, and of how many actors, of
    the namespace as a whole; ``is_complete`` is false where there are more records than were
    looked at.
    """

    readers: list[Reader]
    refused: list[Reader]
    counted: int
    counted_actors: int
    is_complete: bool
    proven: Proven

    @property
    def reads(self) -> int:
        return sum(len(one.reads) for one in self.readers)

    @property
    def uncertain(self) -> int:
        return sum(not read.is_certain for one in self.readers for read in one.reads)


def readers_of(
    tenant_id: UUID,
    namespace_ids: tuple[UUID, ...],
    key: str,
    *,
    since: datetime,
    until: datetime,
) -> Flow[Readers]:
    """In the tenant's scope; whoever calls has decided."""
    named = (tenant_id, list(namespace_ids), list(READS), since, until, key)
    rows = yield Statement(FOUND, named)
    records = [record_from(row) for row in rows[:MOST]]
    reads = [read for one in records if (read := _read(one, key)) is not None]
    counts = yield Statement(COUNTED, (tenant_id, list(namespace_ids), since, until))
    allowed = [one for one in reads if one.record.outcome == "allow"]
    refused = [one for one in reads if one.record.outcome != "allow" and not one.is_of_many]
    asked = [(one.record.id, one.record.at) for one in [*allowed, *refused]]
    proven = yield from prove_many(tenant_id, asked)
    counted, actors = counts[0]
    return Readers(
        _by_actor(allowed), _by_actor(refused), counted, actors, len(rows) <= MOST, proven
    )


def _read(record: AuditRecord, key: str) -> Read | None:
    """What the record says of the key; None where it is about others."""
    details = record.content.get("details")
    told: dict[str, Any] = details if isinstance(details, dict) else {}
    operation = str(told.get("operation") or "read")
    version = told.get("version")
    known = version if isinstance(version, int) else None
    if record.key is not None:
        return Read(record, operation, known, is_certain=True)
    keys = str(record.payload.get("keys") or "")
    if key in keys.split(","):
        return Read(record, operation, None, is_certain=True)
    is_whole = bool(keys) and CUT not in keys
    return None if is_whole else Read(record, operation, None, is_certain=False)


def _by_actor(reads: Iterable[Read]) -> list[Reader]:
    found: dict[UUID, Reader] = {}
    for one in reads:
        record = one.record
        reader = found.setdefault(
            record.actor_id, Reader(record.actor_type, record.actor_id, record.actor_name)
        )
        reader.reads.append(one)
    return sorted(found.values(), key=lambda one: (-len(one.reads), one.name))
