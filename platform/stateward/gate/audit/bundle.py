"""Exports: records with all that is needed to prove them offline, as one text file.

``verify.py`` says what the lines are. The first line signs the hash of all the others, so these are
written to a file first, in one pass over the records in the order of the tree; memory does not grow
with their number. Neighbouring records are proved in blocks of up to 256, lone ones each by a path.

A record goes out as it is stored, and only if that is what was sealed. What else the database holds
in its place goes out as such, for the verifier to name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.merkle import TILE_WIDTH, path_ranges
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.proofs import (
    StoredCheckpoint,
    checkpoint_at,
    consistency_proof,
    latest_checkpoint,
)
from stateward.gate.audit.sealing_key import public_keys, sealing_key
from stateward.gate.audit.tree import leaf_hashes, prove
from stateward.gate.audit.verify import FORMAT, encode64, encode_json, leaf_hash
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.flow import Flow, Statement

PAGE = 2000  # records read at a time
BLOCK_FROM = 8  # records of one block, from which proving it whole is shorter

# The matching records in the order of the tree: sorted by the database, on its disk if need be.
ORDER = """
CREATE TEMPORARY TABLE stateward_export ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY b.first, q.seq) AS n, b.first, b.count, q.at, q.id
FROM (SELECT r.at, r.id, r.seq, stateward_pass_of(r.xid) AS pass
      FROM stateward_audit_record r WHERE {where}) AS q
CROSS JOIN LATERAL (
    SELECT first, count FROM stateward_audit_batch
    WHERE tenant_id = %s AND pass = q.pass AND until_seq >= q.seq ORDER BY until_seq LIMIT 1
) AS b
WHERE b.first < %s
"""
RECORDS = """
SELECT e.n, e.first, e.count, r.id, r.record, r.payload::text
FROM stateward_export e
JOIN stateward_audit_record r ON r.tenant_id = %s AND r.at = e.at AND r.id = e.id
WHERE e.n > %s AND e.n <= %s ORDER BY e.n
"""


class Stored(NamedTuple):
    """A record as the database holds it."""

    id: UUID
    record: bytes
    payload: str


@dataclass(frozen=True, slots=True)
class Item:
    """What is at a place of the tree: a record that is what was sealed, or whatever else."""

    index: int
    leaf: bytes
    stored: Stored | None
    is_sealed: bool


@dataclass(slots=True)
class Body:
    """The lines after the first, as they are written."""

    file: BinaryIO
    digest: Any = field(default_factory=sha256)
    ranges: list[list[int]] = field(default_factory=list)
    count: int = 0

    def write(self, line: str | bytes) -> None:
        data = (line.encode() if isinstance(line, str) else line) + b"\n"
        self.digest.update(data)
        self.file.write(data)

    def add(self, index: int) -> None:
        self.count += 1
        if self.ranges and self.ranges[-1][1] == index:
            self.ranges[-1][1] = index + 1
        else:
            self.ranges.append([index, index + 1])


def write_bundle(
    wanted: RecordFilter, body: BinaryIO, *, checkpoint_sizes: Sequence[int] = ()
) -> Flow[str]:
    """Write all lines but the first to ``body``; the first line, which belongs before them.

    In one transaction of the tenant. ``checkpoint_sizes`` are sizes from which the bundle shall
    prove that the tree has only grown. Raises NotFound before anything was sealed.
    """
    checkpoint = yield from latest_checkpoint(wanted.tenant_id)
    export = Export(wanted, Body(body), checkpoint, Leaves(wanted.tenant_id, checkpoint.size))
    yield from export.write_evidence(checkpoint_sizes)
    yield from export.write_records()
    return (yield from export.manifest())


@dataclass(slots=True)
class Export:
    """One bundle in the making, under one checkpoint."""

    wanted: RecordFilter
    body: Body
    checkpoint: StoredCheckpoint
    leaves: Leaves

    @property
    def tenant_id(self) -> UUID:
        return self.wanted.tenant_id

    @property
    def origin(self) -> str:
        return origin_of(self.tenant_id)

    def manifest(self) -> Flow[str]:
        signer = yield from sealing_key()
        content: dict[str, object] = {
            "kind": "manifest",
            "format": FORMAT,
            "created_at": rfc3339(now()),
            "tenant_id": str(self.tenant_id),
            "origin": self.origin,
            "tree_size": self.checkpoint.size,
            "root": encode64(self.checkpoint.root),
            "ranges": self.body.ranges,
            "count": self.body.count,
            "filter": self.wanted.as_json(),
            "sha256": self.body.digest.hexdigest(),
            "key": str(signer.verifier(self.origin)),
        }
        return signer.manifest(content)

    def write_evidence(self, sizes: Sequence[int]) -> Flow[None]:
        """The keys, the newest checkpoint, and those asked for with the proofs from them."""
        for key in (yield from public_keys(self.origin)):
            self.body.write(encode_json({"kind": "key", "key": str(key)}))
        self._write_checkpoint(self.checkpoint)
        for size in sorted({size for size in sizes if 0 < size < self.checkpoint.size}):
            proof = yield from consistency_proof(self.tenant_id, size, self.checkpoint.size)
            self.body.write(encode_json({"kind": "consistency"} | proof.as_json()))
            kept = yield from checkpoint_at(self.tenant_id, size)
            if kept is not None:
                self._write_checkpoint(kept)

    def _write_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        self.body.write(encode_json({"kind": "checkpoint", "note": checkpoint.note}))

    def write_records(self) -> Flow[None]:
        """Batch by batch, in the order of the tree; put out in blocks as the tree divides them."""
        where, parameters = self.wanted.where()
        order = ORDER.format(where=where)
        yield Statement(order, [*parameters, self.tenant_id, self.checkpoint.size])
        waiting: list[Item] = []
        done = 0
        pages = Pages(self.tenant_id)
        batch = yield from pages.following()
        while batch is not None:
            first, count, rows = batch
            if self.wanted.is_everything:
                waiting += yield from self._missing(done, first)
            done = first + count
            waiting += yield from self._placed(first, count, rows)
            waiting = yield from self._put_out(waiting, done)
            batch = yield from pages.following()
        if self.wanted.is_everything:
            waiting += yield from self._missing(done, self.checkpoint.size)
        yield from self._put_out(waiting, None)
        yield Statement("DROP TABLE stateward_export")

    def _missing(self, start: int, stop: int) -> Flow[list[Item]]:
        """Places of whole batches of which no row is left."""
        if start >= stop:
            return []
        leaves = yield from self.leaves.between(start, stop)
        return [Item(start + n, leaf, None, False) for n, leaf in enumerate(leaves)]

    def _placed(self, first: int, count: int, rows: Sequence[Stored]) -> Flow[list[Item]]:
        """Each row at the leaf it is, by its hash: so one that is gone moves no other."""
        leaves = yield from self.leaves.between(first, first + count)
        hashes = [leaf_hash(row.record) for row in rows]
        if self.wanted.is_everything and hashes == leaves:
            return [
                Item(first + n, leaf, row, True)
                for n, (leaf, row) in enumerate(zip(leaves, rows, strict=True))
            ]
        places = {leaf: first + n for n, leaf in enumerate(leaves)}
        items: dict[int, Item] = {}
        strange: list[Stored] = []
        for row, leaf in zip(rows, hashes, strict=True):
            if leaf in places:
                items[places[leaf]] = Item(places[leaf], leaf, row, True)
            else:
                strange.append(row)
        if self.wanted.is_everything:
            free = [n for n in range(first, first + count) if n not in items]
            for index in free:
                other = strange.pop(0) if strange else None
                items[index] = Item(index, leaves[index - first], other, False)
        return [
            *(items[index] for index in sorted(items)),
            *(Item(-1, b"", row, False) for row in strange),
        ]

    def _put_out(self, items: list[Item], until: int | None) -> Flow[list[Item]]:
        """Write the items of whole blocks, those before leaf ``until``; the rest waits."""
        for row in [item.stored for item in items if item.index < 0 and item.stored]:
            self.body.write(encode_json(_strange(row, None)))
        items = [item for item in items if item.index >= 0]
        while items:
            start = items[0].index // TILE_WIDTH * TILE_WIDTH
            if until is not None and start + TILE_WIDTH > until:
                break
            block = [item for item in items if item.index < start + TILE_WIDTH]
            items = items[len(block) :]
            yield from self._write_block(start, block)
        return items

    def _write_block(self, start: int, block: list[Item]) -> Flow[None]:
        size = self.checkpoint.size
        block = [item for item in block if item.index < size]
        if len(block) < BLOCK_FROM:
            for item in block:
                ranges = path_ranges(item.index, item.index + 1, size)
                path = yield from prove(self.tenant_id, ranges)
                self._write_item(item, [encode64(one) for one in path])
            return
        stop = min(start + TILE_WIDTH, size)
        leaves = yield from self.leaves.between(start, stop)
        path = yield from prove(self.tenant_id, path_ranges(start, stop, size))
        line = {
            "kind": "block",
            "first": start,
            "leaves": encode64(b"".join(leaves)),
            "path": [encode64(one) for one in path],
        }
        self.body.write(encode_json(line))
        for item in block:
            self._write_item(item, None)

    def _write_item(self, item: Item, path: list[str] | None) -> None:
        self.body.add(item.index)
        if item.is_sealed and item.stored is not None:
            self.body.write(_line(item.index, item.stored, path))
        elif item.stored is not None:
            self.body.write(encode_json(_strange(item.stored, item.index)))
        else:
            line = {"kind": "leaf", "index": item.index, "hash": encode64(item.leaf), "path": path}
            self.body.write(encode_json(line))


class Leaves:
    """Leaf hashes, read by whole blocks, of which the last few are kept."""

    def __init__(self, tenant_id: UUID, size: int) -> None:
        self.tenant_id = tenant_id
        self.size = size
        self.blocks: dict[int, list[bytes]] = {}

    def between(self, start: int, stop: int) -> Flow[list[bytes]]:
        found: list[bytes] = []
        for block in range(start // TILE_WIDTH, (stop - 1) // TILE_WIDTH + 1):
            if block not in self.blocks:
                first = block * TILE_WIDTH
                last = min(first + TILE_WIDTH, self.size)
                read = yield from leaf_hashes(self.tenant_id, first, last)
                self.blocks = {**dict(list(self.blocks.items())[-3:]), block: read}
            first = max(start - block * TILE_WIDTH, 0)
            found += self.blocks[block][first : stop - block * TILE_WIDTH]
        return found


class Pages:
    """The ordered records, batch by batch."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.rows: Iterator[tuple[Any, ...]] = iter(())
        self.ahead: tuple[Any, ...] | None = None
        self.read = 0
        self.total: int | None = None

    def following(self) -> Flow[tuple[int, int, list[Stored]] | None]:
        """(first leaf, how many leaves, the rows of it) of the next batch; None at the end."""
        row = yield from self._next()
        if row is None:
            return None
        first, count = row[1], row[2]
        found = []
        while row is not None and row[1] == first:
            found.append(Stored(row[3], bytes(row[4]), row[5]))
            row = yield from self._next()
        self.ahead = row
        return first, count, found

    def _next(self) -> Flow[tuple[Any, ...] | None]:
        if self.ahead is not None:
            row, self.ahead = self.ahead, None
            return row
        if self.total is None:
            rows = yield Statement("SELECT count(*) FROM stateward_export")
            self.total = rows[0][0]
        for row in self.rows:
            return row
        while self.read < self.total:
            page = yield Statement(RECORDS, (self.tenant_id, self.read, self.read + PAGE))
            self.read += PAGE
            self.rows = iter(page)
            for row in self.rows:
                return row
        return None


def _line(index: int, stored: Stored, path: list[str] | None) -> bytes:
    """A record's line. ``record`` comes last by name, and is canonical as it was sealed."""
    head = encode_json(
        {"index": index, "kind": "record", "path": path, "payload": json.loads(stored.payload)}
    )
    return head[:-1].encode() + b',"record":' + stored.record + b"}"


def _strange(stored: Stored, index: int | None) -> dict[str, Any]:
    return {
        "kind": "stored",
        "index": index,
        "id": str(stored.id),
        "base64": encode64(stored.record),
    }
