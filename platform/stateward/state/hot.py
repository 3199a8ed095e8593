"""The newest revisions a process has met, by key, so that not every look needs the database.

What is kept is the row as it was read or written, its value still sealed: a key that is destroyed
shreds what is here too, and a dump of the process shows no value. Confidential and restricted rows
are never kept. What has served as read within ``FRESH_SECONDS`` may answer an eventual read; of any
age it may be the base of a change that is written under its version, and fails if that is old.

Own writes replace what they change. What others change shows at most ``FRESH_SECONDS`` late: then
the database is asked again.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from stateward.kernel import clock
from stateward.kernel.flow import Row
from stateward.state.statements import Found, Item, Read, Written

KEPT = frozenset(("public", "internal"))
FRESH_SECONDS = 0.8  # with what a look itself takes, within a second
BESIDES_BYTES = 900  # of a row, besides its value, key and labels; tracemalloc found 874
LARGEST_SHARE = 16  # a value larger than this part of the whole is not kept
BEFORE_EXPIRY = timedelta(seconds=1)  # the database's clock decides, and it may be ahead of ours

Place = tuple[UUID, UUID, str]


@dataclass(slots=True)
class _Kept:
    row: Found
    looked_at: float  # monotonic: when the database was asked
    weight: int


class HotEntries:
    """Rows by place, the least recently used given up first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity  # bytes; 0: keep nothing
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._rows: OrderedDict[Place, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, read: Read, *, fresh: bool) -> Row | None:
        """The row as the database would answer it. ``fresh``: not older than an eventual read may
        be.
        """
        place = (read.tenant_id, read.namespace_id, read.key)
        kept = self._rows.get(place)
        if kept is None or (fresh and time.monotonic() - kept.looked_at > FRESH_SECONDS):
            self.misses += 1
            return None
        expires_at = kept.row.expires_at
        if expires_at is not None and expires_at <= clock.now() + BEFORE_EXPIRY:
            self.misses += 1
            return None
        self.hits += 1
        self._rows.move_to_end(place)
        if read.have == kept.row.version:
            return kept.row._replace(value=None)
        return kept.row

    def met(self, read: Read, row: Row | None, *, looked_at: float) -> None:
        """What the primary answered to a read that began at ``looked_at`` (monotonic)."""
        place = (read.tenant_id, read.namespace_id, read.key)
        kept = self._rows.get(place)
        if row is None:
            if kept is not None and kept.looked_at <= looked_at:
                self._drop(place)
            return
        found = Found(0, *row[1:])
        if kept is not None and kept.row.version == found.version:
            kept.looked_at = max(kept.looked_at, looked_at)
        elif found.value is not None and (kept is None or kept.row.version < found.version):
            self._keep(place, found, looked_at)

    def wrote(self, tenant_id: UUID, item: Item, written: Written, *, looked_at: float) -> None:
        """What this process wrote; a key whose value is gone is no longer kept."""
        place = (tenant_id, item.namespace_id, item.key)
        if (
            item.value is None
            or item.fields.get("cls") not in KEPT
            or written.version is None
            or written.at is None
            or written.created_at is None
            or written.write_id is None
        ):
            self._drop(place)
            return
        kept = self._rows.get(place)
        if kept is not None and kept.row.version > written.version:
            return
        fields = item.fields
        found = Found(
            0,
            written.version,
            item.value,
            written.write_id,
            fields["sz"],
            written.labels or "{}",
            written.created_at,
            written.at,
            written.expires_at,
            fields["aty"],
            fields["aid"],
            fields["an"],
        )
        self._keep(place, found, looked_at)

    def forget_tenant(self, tenant_id: UUID) -> None:
        for place in [place for place in self._rows if place[0] == tenant_id]:
            self._drop(place)

    def _keep(self, place: Place, row: Found, looked_at: float) -> None:
        self._drop(place)
        weight = BESIDES_BYTES + len(row.value or b"") + len(place[2]) + len(row.labels)
        if weight * LARGEST_SHARE > self.capacity:
            return
        self._rows[place] = _Kept(row, looked_at, weight)
        self.bytes += weight
        while self.bytes > self.capacity:
            _, oldest = self._rows.popitem(last=False)
            self.bytes -= oldest.weight

    def _drop(self, place: Place) -> None:
        kept = self._rows.pop(place, None)
        if kept is not None:
            self.bytes -= kept.weight
