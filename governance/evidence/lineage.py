"""What a run had read before it wrote: what an answer may have rested on.

Reads of confidential and restricted entries name their run and are listed. Reads of public and
internal ones are counted by actor and minute, without their run: how many there were while the run
was at it is said, and that nobody knows which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from stateward.gate.audit.queries import COLUMNS, AuditRecord, find_record, record_from
from stateward.kernel.errors import Unprocessable
from stateward.kernel.flow import Flow, Statement

MOST = 200
LONGEST = timedelta(days=7)  # that a run's reads are looked for before its write
READ = ("state.read_value", "state.decrypt_restricted")
WROTE = ("state.write", "state.delete")
BEFORE = f"""
SELECT {COLUMNS} FROM stateward_audit_record r
WHERE r.tenant_id = %s AND r.run = %s AND r.actor_id = %s AND r.outcome = 'allow'
  AND r.action = ANY (%s) AND r.at >= %s AND (r.at, r.id) < (%s, %s)
ORDER BY r.at DESC, r.id DESC LIMIT {MOST + 1}
"""
COUNTED = """
SELECT coalesce(sum(count), 0)::bigint FROM stateward_audit_read_count
WHERE tenant_id = %s AND actor_id = %s AND action = 'state.read_value'
  AND minute >= date_trunc('minute', %s::timestamptz) AND minute <= %s
"""
WRITTEN = f"""
SELECT {COLUMNS} FROM stateward_audit_record r
WHERE r.tenant_id = %s AND r.namespace_id = ANY (%s) AND r.entry_key = %s
  AND r.action = ANY (%s) AND r.outcome = 'allow'
ORDER BY r.at DESC, r.id DESC LIMIT {MOST}
"""


class NothingRead(Unprocessable):
    """This record is not of something that was written."""

    code, title = "not_a_write", "Not a write"


@dataclass(frozen=True, slots=True)
class Lineage:
    """What came before a write in its run, newest first.

    ``counted``: reads of public and internal entries by the same actor in the minutes from the
    run's first record to the write. ``has_run`` is false where the writer named none: then nothing
    is known of what it had read.
    """

    written: AuditRecord
    reads: list[AuditRecord]
    writes: list[AuditRecord]
    counted: int
    is_complete: bool

    @property
    def has_run(self) -> bool:
        return bool(self.written.run)


def lineage_of(tenant_id: UUID, record_id: UUID) -> Flow[Lineage]:
    """Of one record of a write. Raises NotFound, NothingRead. In the tenant's scope."""
    written = yield from find_record(tenant_id, record_id)
    if written.action not in WROTE or written.outcome != "allow":
        raise NothingRead
    if not written.run:
        return Lineage(written, [], [], 0, is_complete=True)
    since = written.at - LONGEST
    asked = (tenant_id, written.run, written.actor_id, [*READ, *WROTE], since)
    rows = yield Statement(BEFORE, (*asked, written.at, written.id))
    found = [record_from(row) for row in rows[:MOST]]
    began = found[-1].at if found else written.at
    counts = yield Statement(COUNTED, (tenant_id, written.actor_id, began, written.at))
    reads = [one for one in found if one.action in READ]
    writes = [one for one in found if one.action in WROTE]
    return Lineage(written, reads, writes, counts[0][0], is_complete=len(rows) <= MOST)


def record_of_version(
    tenant_id: UUID, namespace_ids: tuple[UUID, ...], key: str, version: int
) -> Flow[AuditRecord | None]:
    """The record of the write that made a version, among the newest of the entry."""
    rows = yield Statement(WRITTEN, (tenant_id, list(namespace_ids), key, list(WROTE)))
    for row in rows:
        record = record_from(row)
        if record.content.get("version") == version:
            return record
    return None


def version_read(record: AuditRecord) -> int | None:
    """Which version a read was of, where the record says it."""
    details: Any = record.content.get("details")
    version = details.get("version") if isinstance(details, Mapping) else None
    return version if isinstance(version, int) else None


def began_at(found: Lineage) -> datetime:
    """When the run's first known record before the write was."""
    return min((one.at for one in (*found.reads, *found.writes)), default=found.written.at)
