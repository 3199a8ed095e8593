"""Sealing: what the passes numbered goes into the trees, and the trees' roots are signed.

One transaction under the sequencer's lease: leaves of the new passes, nodes, batches, checkpoints
and progress stand together or not at all. Killed at any point, the next sealer finds the same
passes with the same rows in the same order, and comes to the same trees.

Nothing is signed that contradicts what this host signed before (``Known``): a tree must begin with
the tree it last signed. Where this host signed more than the database has (it was killed between
signing and commit), the tree must have that very root when it reaches that size. Where neither
holds, the tenant's tree is held with an alarm, and is looked at again now and then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from stateward.gate.audit.exceptions import EvidenceBroken, ForkedHistory
from stateward.gate.audit.memory import Known
from stateward.gate.audit.merkle import Frontier, pack, unpack
from stateward.gate.audit.notes import Signer, origin_of
from stateward.gate.audit.sealing_key import public_keys
from stateward.gate.audit.tree import Tree, add_tiles, check_beginning, load_trees
from stateward.gate.audit.verify import HASH_SIZE, Invalid, open_checkpoint
from stateward.gate.sequence.passes import passes_after, rows_of_pass, rows_of_passes
from stateward.kernel.flow import Flow, Statement

RECORDS = "stateward_audit_record"
PASSES_AT_ONCE = 64
HEARTBEAT = timedelta(seconds=60)
BATCH_SIZE = 32  # leaves that are read to find one record among them

# Hashed by the database, from the bytes as stored: 32 bytes a record travel, not the record.
LEAF = "r.tenant_id, r.seq, sha256('\\x00'::bytea || r.record) AS leaf"
LEAVES = f"""
SELECT tenant_id, string_agg(leaf, ''::bytea ORDER BY seq),
    array_agg(seq ORDER BY seq) FILTER (WHERE mod(n, {BATCH_SIZE}) = 0), max(seq)
FROM (SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY seq) AS n
      FROM ({rows_of_pass(RECORDS, LEAF)}) AS fresh) AS numbered
GROUP BY tenant_id
"""
HELD_LEAF = "stateward_pass_of(r.xid) AS number, r.seq, sha256('\\x00'::bytea || r.record) AS leaf"
HELD_LEAVES = f"""
SELECT number, string_agg(leaf, ''::bytea ORDER BY seq),
    array_agg(seq ORDER BY seq) FILTER (WHERE mod(n, {BATCH_SIZE}) = 0), max(seq)
FROM (SELECT *, row_number() OVER (PARTITION BY number ORDER BY seq) AS n
      FROM ({rows_of_passes(RECORDS, HELD_LEAF, "r.tenant_id = %s")}) AS held) AS numbered
GROUP BY number ORDER BY number
"""
PROGRESS = "SELECT pass, clock_timestamp() FROM stateward_audit_progress FOR UPDATE"
ADVANCE = """
UPDATE stateward_audit_progress SET pass = %s,
    caught_up_at = CASE WHEN %s THEN clock_timestamp() ELSE caught_up_at END
"""
SET_BACK = "Records come that are sealed already: the tree in the database was set back."
ADD_BATCHES = """
INSERT INTO stateward_audit_batch (tenant_id, first, count, pass, until_seq)
SELECT %s, q.* FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS q
ON CONFLICT DO NOTHING RETURNING first
"""
PUT_TREE = """
INSERT INTO stateward_audit_tree AS t (tenant_id, size, root, peaks) VALUES (%s, %s, %s, %s)
ON CONFLICT (tenant_id) DO UPDATE
    SET size = excluded.size, root = excluded.root, peaks = excluded.peaks
"""
PUT_CHECKPOINT = """
INSERT INTO stateward_audit_checkpoint
    (tenant_id, size, root, key_id, note, sealed_at, renewed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, size) DO UPDATE
    SET note = excluded.note, key_id = excluded.key_id, renewed_at = excluded.renewed_at
"""
ALARM = """
INSERT INTO stateward_audit_tree (tenant_id, size, root, peaks, alarm, held_after)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id) DO UPDATE SET alarm = excluded.alarm,
    held_after = coalesce(stateward_audit_tree.held_after, excluded.held_after)
"""
NEWEST = """
SELECT size, root, note FROM stateward_audit_checkpoint
WHERE tenant_id = %s ORDER BY size DESC LIMIT 1
"""
STANDING = """
SELECT t.tenant_id, t.size, t.root, c.renewed_at
FROM stateward_audit_tree t LEFT JOIN stateward_audit_checkpoint c
    ON c.tenant_id = t.tenant_id AND c.size = t.size
WHERE t.alarm IS NULL
"""
HELD = "SELECT tenant_id, held_after FROM stateward_audit_tree WHERE alarm IS NOT NULL"


class Fresh(NamedTuple):
    """The leaf hashes of one tenant's records of one pass, in order, end to end.

    ``ends`` are the sequence values of each ``BATCH_SIZE``-th record and of the last.
    """

    number: int
    leaves: bytes
    ends: list[int]

    def batches(self, first: int) -> list[tuple[int, int, int, int]]:
        """(first leaf, how many, the pass, the last sequence value) from leaf ``first`` on."""
        count = len(self.leaves) // HASH_SIZE
        starts = range(0, count, BATCH_SIZE)
        return [
            (first + start, min(BATCH_SIZE, count - start), self.number, end)
            for start, end in zip(starts, self.ends, strict=True)
        ]


def fresh_from(number: int, leaves: bytes, ends: list[int] | None, last: int) -> Fresh:
    known = ends or []
    return Fresh(number, bytes(leaves), known if known[-1:] == [last] else [*known, last])


@dataclass(slots=True)
class Sealed:
    """What one round did: to be written down by the host before the transaction commits."""

    at: datetime
    records: int = 0
    is_caught_up: bool = True
    notes: dict[UUID, str] = field(default_factory=dict)
    alarms: dict[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals under a key and in the knowledge of what this host signed before."""

    signer: Signer
    known: Mapping[UUID, Known]

    def seal(self) -> Flow[Sealed]:
        """Put the next passes into the trees, and sign them."""
        before, sealed = yield from self._begin()
        passes = yield from passes_after(before, PASSES_AT_ONCE)
        fresh: dict[UUID, list[Fresh]] = defaultdict(list)
        for number in passes:
            rows = yield Statement(LEAVES, (number,))
            for tenant_id, *found in rows:
                fresh[tenant_id].append(fresh_from(number, *found))
        trees = yield from load_trees(fresh)
        for tenant_id, passed in fresh.items():
            if trees[tenant_id].alarm is None:
                yield from self._try(trees[tenant_id], passed, before, sealed)
        sealed.is_caught_up = len(passes) < PASSES_AT_ONCE
        yield Statement(ADVANCE, (passes[-1] if passes else before, sealed.is_caught_up))
        return sealed

    def heartbeat(self) -> Flow[Sealed]:
        """Sign idle logs anew, with the present time, and see that none is shorter than signed.

        Only when nothing is left to seal. Trees that are held are looked at again.
        """
        before, sealed = yield from self._begin()
        rows = yield Statement(STANDING)
        sizes = {tenant_id: size for tenant_id, size, _, _ in rows}
        for tenant_id, size, root, renewed_at in rows:
            if renewed_at is None or sealed.at - renewed_at >= HEARTBEAT:
                tree = Tree(tenant_id, size, bytes(root))
                yield from self._sign(tree, sealed)
        held: dict[UUID, int] = dict((yield Statement(HELD)))
        for tenant_id, known in self.known.items():
            if tenant_id not in held and sizes.get(tenant_id, 0) < known.size:
                trees = yield from load_trees([tenant_id])
                yield from self._alarm(trees[tenant_id], _shorter(known), before, sealed)
        for tenant_id, held_after in held.items():
            yield from self._resume(tenant_id, held_after, before, sealed)
        return sealed

    def _begin(self) -> Flow[tuple[int, Sealed]]:
        rows = yield Statement(PROGRESS)
        return rows[0][0], Sealed(at=rows[0][1])

    def _try(self, tree: Tree, fresh: Sequence[Fresh], before: int, sealed: Sealed) -> Flow[bool]:
        """Let the tree grow, or hold it with an alarm."""
        try:
            yield from self._check(tree)
            frontier, tiles = self._grow(tree, fresh)
        except EvidenceBroken as fork:
            yield from self._alarm(tree, fork.detail, before, sealed)
            return False
        grown = Tree(tree.tenant_id, frontier.size, frontier.root(), pack(frontier.peaks))
        batches: list[tuple[int, int, int, int]] = []
        for one in fresh:
            first, count, _, _ = batches[-1] if batches else (tree.size, 0, 0, 0)
            batches += one.batches(first + count)
        columns = [list(column) for column in zip(*batches, strict=True)] or [[]] * 4
        added = yield Statement(ADD_BATCHES, (tree.tenant_id, *columns))
        if len(added) < len(batches):
            yield from self._alarm(tree, SET_BACK, before, sealed)
            return False
        yield from add_tiles(tree.tenant_id, tiles)
        yield Statement(PUT_TREE, (tree.tenant_id, grown.size, grown.root, grown.peaks))
        yield from self._sign(grown, sealed)
        sealed.records += grown.size - tree.size
        return True

    def _check(self, tree: Tree) -> Flow[None]:
        """The tree as stored is whole, and begins with what was signed last."""
        if tree.frontier().root() != tree.root:
            raise ForkedHistory("The tree's right edge in the database does not give its root.")
        known = self.known.get(tree.tenant_id) or (yield from self._newest(tree.tenant_id))
        if known is not None and known.size <= tree.size:
            yield from check_beginning(tree, known.size, known.root)

    def _newest(self, tenant_id: UUID) -> Flow[Known | None]:
        """For a host that knows nothing of a log yet: its newest checkpoint, if we signed it."""
        rows = yield Statement(NEWEST, (tenant_id,))
        if not rows:
            return None
        keys = yield from public_keys(origin_of(tenant_id))
        size, root, note = rows[0][0], bytes(rows[0][1]), rows[0][2]
        try:
            checkpoint = open_checkpoint(note, keys)
        except Invalid as problem:
            raise ForkedHistory(f"The newest checkpoint in the database: {problem}.") from None
        if (checkpoint.size, checkpoint.root) != (size, root):
            raise ForkedHistory("The newest checkpoint in the database is not what its note says.")
        return Known(size, root, note)

    def _grow(
        self, tree: Tree, fresh: Sequence[Fresh]
    ) -> tuple[Frontier, dict[tuple[int, int], bytearray]]:
        """Append; where this host signed a larger tree before, it must come to the same root."""
        frontier = tree.frontier()
        tiles: dict[tuple[int, int], bytearray] = {}
        promised = self.known.get(tree.tenant_id)
        for one in fresh:
            for leaf in unpack(one.leaves):
                frontier.append(leaf, tiles)
                if promised is not None and frontier.size == promised.size:
                    _check_promise(frontier, promised)
        return frontier, tiles

    def _sign(self, tree: Tree, sealed: Sealed) -> Flow[None]:
        known = self.known.get(tree.tenant_id)
        if known is not None and tree.size < known.size:
            return  # a larger one is signed already; this tree has yet to come to it
        origin = origin_of(tree.tenant_id)
        note = self.signer.checkpoint(origin, tree.size, tree.root, sealed.at)
        yield Statement(
            PUT_CHECKPOINT,
            (tree.tenant_id, tree.size, tree.root, self.signer.id, note, sealed.at, sealed.at),
        )
        sealed.notes[tree.tenant_id] = note

    def _alarm(self, tree: Tree, why: str, before: int, sealed: Sealed) -> Flow[None]:
        yield Statement(ALARM, (tree.tenant_id, tree.size, tree.root, tree.peaks, why, before))
        sealed.alarms[tree.tenant_id] = why

    def _resume(self, tenant_id: UUID, held_after: int, until: int, sealed: Sealed) -> Flow[None]:
        """If what raised the alarm is gone, seal what was held since."""
        tree = (yield from load_trees([tenant_id]))[tenant_id]
        rows = yield Statement(HELD_LEAVES, (held_after, until, tenant_id, tenant_id))
        fresh = [fresh_from(*row) for row in rows]
        known = self.known.get(tenant_id)
        coming = sum(len(one.leaves) for one in fresh) // HASH_SIZE
        if known is not None and known.size > tree.size + coming:
            yield from self._alarm(tree, _shorter(known), held_after, sealed)
        elif (yield from self._try(tree, fresh, held_after, sealed)):
            yield Statement(
                "UPDATE stateward_audit_tree SET alarm = NULL, held_after = NULL"
                " WHERE tenant_id = %s",
                (tenant_id,),
            )


def _check_promise(frontier: Frontier, promised: Known) -> None:
    if frontier.root() != promised.root:
        raise ForkedHistory(
            f"A checkpoint of size {promised.size} with another root was signed before:"
            " records were changed, removed or reordered since."
        )


def _shorter(known: Known) -> str:
    return (
        f"A checkpoint of size {known.size} was signed before, and the database holds fewer"
        " records: it was cut or restored to an older state."
    )
