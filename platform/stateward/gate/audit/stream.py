"""The log in the order of its tree, from any place on: for whoever copies it elsewhere.

Places are gap-free and never change, so a copier's cursor is one number, and its reader can tell
that nothing is missing. Only what a signed checkpoint covers is given out. A record stands at the
place where its hash is; a place whose record is gone, or is not what was sealed any more, is given
out as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.audit.proofs import StoredCheckpoint, latest_checkpoint
from stateward.gate.audit.queries import COLUMNS, AuditRecord, record_from
from stateward.gate.audit.tree import leaf_hashes
from stateward.gate.audit.verify import leaf_hash
from stateward.gate.sequence.passes import rows_of_pass
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement

# Batches from the place on, each with where the one before it in the same pass ends.
BATCHES = """
SELECT b.first, b.count, b.pass, b.until_seq, coalesce((
    SELECT max(p.until_seq) FROM stateward_audit_batch p
    WHERE p.tenant_id = b.tenant_id AND p.pass = b.pass AND p.until_seq < b.until_seq), 0)
FROM stateward_audit_batch b
WHERE b.tenant_id = %s AND b.first + b.count > %s AND b.first < %s AND b.first >= coalesce((
    SELECT max(first) FROM stateward_audit_batch WHERE tenant_id = %s AND first <= %s), 0)
ORDER BY b.first
"""
UNREAD = """
SELECT q.start, greatest(n.size - q.start, 0), (
    SELECT k.sealed_at FROM stateward_audit_checkpoint k
    WHERE k.tenant_id = %s AND k.size > q.start ORDER BY k.size LIMIT 1)
FROM unnest(%s::bigint[]) AS q (start)
CROSS JOIN (
    SELECT coalesce(max(size), 0) AS size FROM stateward_audit_checkpoint WHERE tenant_id = %s
) AS n
"""
ROWS = rows_of_pass(
    "stateward_audit_record", COLUMNS, "r.tenant_id = %s AND r.seq > %s AND r.seq <= %s"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A place of the log. ``record`` is None where the database no longer holds what was sealed."""

    index: int
    leaf: bytes
    record: AuditRecord | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring places, and the newest checkpoint, which covers them. ``strange``: records that
    the database holds among them and that were never sealed.
    """

    places: list[Placed]
    checkpoint: StoredCheckpoint
    strange: list[AuditRecord] = field(default_factory=list)

    @property
    def end(self) -> int | None:
        return self.places[-1].index + 1 if self.places else None


class _Batch(NamedTuple):
    first: int
    many: int
    number: int
    until: int
    since: int


def stretch_from(tenant_id: UUID, start: int, limit: int) -> Flow[Stretch | None]:
    """Up to ``limit`` places from ``start`` on; None before anything was sealed. In the scope."""
    try:
        newest = yield from latest_checkpoint(tenant_id)
    except NotFound:
        return None
    stop = min(start + limit, newest.size)
    if start >= stop:
        return Stretch([], newest)
    rows = yield Statement(BATCHES, (tenant_id, start, stop, tenant_id, start))
    batches = [_Batch(*row) for row in rows]
    records: dict[bytes, AuditRecord] = {}
    for number, group in groupby(batches, key=lambda one: one.number):
        records |= yield from _records(tenant_id, number, list(group))
    low = min(start, batches[0].first) if batches else start
    high = max(stop, batches[-1].first + batches[-1].many) if batches else stop
    leaves = yield from leaf_hashes(tenant_id, low, high)
    places = [
        Placed(n, bytes(leaf), records.get(bytes(leaf))) for n, leaf in enumerate(leaves, low)
    ]
    sealed = {placed.leaf for placed in places}
    strange = [record for leaf, record in records.items() if leaf not in sealed]
    return Stretch(places[start - low : stop - low], newest, strange)


def _records(tenant_id: UUID, number: int, batches: list[_Batch]) -> Flow[dict[bytes, AuditRecord]]:
    """The records of these batches of one pass, by the hash they have as leaves."""
    asked = (tenant_id, batches[0].since, batches[-1].until)
    rows: Iterable[tuple[Any, ...]] = yield Statement(ROWS, (number, *asked, *asked))
    found = (record_from(row) for row in rows)
    return {leaf_hash(record.record): record for record in found}


def unread(tenant_id: UUID, starts: Iterable[int]) -> Flow[dict[int, tuple[int, datetime | None]]]:
    """For each place: how many sealed records follow it, and when the first of them was sealed."""
    rows = yield Statement(UNREAD, (tenant_id, list(set(starts)), tenant_id))
    return {start: (count, sealed_at) for start, count, sealed_at in rows}
