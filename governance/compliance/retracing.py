"""The audit's tree once more, from the records as they stand, against what was signed.

Nothing of the tree in the database is believed: leaves are hashed from the stored records in the
order of the passes, appended to the frontier that an earlier scan came to (or to nothing), and the
root must be the one that was signed. So a record that was changed, removed, inserted or moved, a
tile that was touched, and a checkpoint that was replaced all show.

What an earlier scan has been through is not walked again in full each time; a stretch of it is, in
turn, by its path to the signed root. A log of up to that stretch's length is walked whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from governance.compliance.asking import rows
from stateward.gate.audit.exceptions import EvidenceBroken
from stateward.gate.audit.merkle import TILE_WIDTH, Frontier, pack, path_ranges, unpack
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.proofs import StoredCheckpoint, checkpoint_at
from stateward.gate.audit.sealing import RECORDS
from stateward.gate.audit.sealing_key import public_keys
from stateward.gate.audit.tree import leaf_hashes, prove
from stateward.gate.audit.verify import (
    Invalid,
    open_checkpoint,
    root_from_path,
    subtree_root,
)
from stateward.gate.sequence.passes import rows_of_passes
from stateward.tenancy.scope import run_flow

CHUNK = 20_000  # records whose hashes are in memory at a time
MOST_NAMED = 100  # faults that are told one by one

# The passes that have leaves of a stretch, each with its first leaf and how many it has in all.
PASSES = """
SELECT pass, min(first), sum(count)::bigint FROM stateward_audit_batch
WHERE tenant_id = %s AND pass IN (
    SELECT pass FROM stateward_audit_batch
    WHERE tenant_id = %s AND first + count > %s AND first < %s)
GROUP BY pass ORDER BY pass
"""
WALKED = rows_of_passes(
    RECORDS, "r.xid, r.seq, sha256('\\x00'::bytea || r.record) AS leaf", "r.tenant_id = %s"
)
# A transaction's pass takes a search; its records are many.
LEAVES = f"""
WITH walked AS MATERIALIZED ({WALKED}), numbered AS (
    SELECT xid, stateward_pass_of(xid) AS number FROM (SELECT DISTINCT xid FROM walked) AS each)
SELECT string_agg(leaf, ''::bytea ORDER BY number, seq) FROM walked JOIN numbered USING (xid)
"""
SIGNED = """
SELECT size FROM stateward_audit_checkpoint
WHERE tenant_id = %s AND size > %s
ORDER BY (size > %s), CASE WHEN size > %s THEN size ELSE -size END LIMIT 1
"""


@dataclass(slots=True)
class Walk:
    """What was found: up to which size the log is verified, and what is wrong with it."""

    size: int = 0
    peaks: bytes = b""
    again: int = 0  # where the next scan's second look begins
    walked: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)  # index in the tree, what is wrong
    checkpoint: StoredCheckpoint | None = None

    def fault(self, index: int, what: str) -> None:
        if len(self.faults) < MOST_NAMED:
            self.faults.append((index, what))

    def position(self) -> dict[str, Any]:
        return {"size": self.size, "peaks": self.peaks.hex(), "again": self.again}


def retrace(
    tenant_id: UUID, before: Mapping[str, Any] | None, *, newest: int, most: int, most_again: int
) -> Walk:
    """Walk the log on from ``before``, up to ``most`` records and a signed size; then a stretch of
    what came earlier. ``newest`` is the newest signed size.
    """
    walk = Walk()
    if before and newest > most_again and int(before["size"]) <= newest:
        walk.size, walk.peaks = int(before["size"]), bytes.fromhex(before["peaks"])
        walk.again = int(before["again"])
    known = walk.size
    stop = _signed_size(tenant_id, known, known + most) if known < newest else known
    walk.checkpoint = run_flow(checkpoint_at(tenant_id, stop))
    if walk.checkpoint is None or not _is_ours(tenant_id, walk.checkpoint):
        walk.fault(stop, f"The checkpoint of {stop:,} records is not signed by this installation.")
        return walk
    _walk_on(tenant_id, walk, stop)
    if known and not walk.faults:
        _look_again(tenant_id, walk, known, most_again)
    return walk


def _signed_size(tenant_id: UUID, known: int, wanted: int) -> int:
    """The largest signed size up to ``wanted``; where there is none, the next after it."""
    found = rows(SIGNED, (tenant_id, known, wanted, wanted))
    return int(found[0][0]) if found else known


def _is_ours(tenant_id: UUID, checkpoint: StoredCheckpoint) -> bool:
    origin = origin_of(tenant_id)
    try:
        said = open_checkpoint(checkpoint.note, run_flow(public_keys(origin)))
    except Invalid:
        return False
    return (said.origin, said.size, said.root) == (origin, checkpoint.size, checkpoint.root)


def _walk_on(tenant_id: UUID, walk: Walk, stop: int) -> None:
    assert walk.checkpoint is not None  # noqa: S101  # the caller has looked
    start = walk.size
    frontier = Frontier(start, unpack(walk.peaks))
    for first, leaves in _stretches(tenant_id, start, stop, walk):
        for leaf in leaves[max(start - first, 0) : stop - first]:
            frontier.append(leaf, {})
    walk.walked += frontier.size - start
    if not walk.faults and (frontier.size, frontier.root()) != (stop, walk.checkpoint.root):
        walk.fault(stop, f"The records do not lead to the root that was signed for {stop:,}.")
    if not walk.faults:
        walk.size, walk.peaks = stop, pack(frontier.peaks)


def _look_again(tenant_id: UUID, walk: Walk, known: int, most: int) -> None:
    """Blocks of the part that an earlier scan went through, each to the signed root."""
    assert walk.checkpoint is not None  # noqa: S101  # the caller has looked
    start = walk.again if walk.again < known else 0
    stop = min(start + most - most % TILE_WIDTH, known - known % TILE_WIDTH)
    for first, leaves in _stretches(tenant_id, start, stop, walk):
        walk.walked += len(leaves)
        for block in range(-(-first // TILE_WIDTH) * TILE_WIDTH, first + len(leaves), TILE_WIDTH):
            end = block + TILE_WIDTH
            if block >= start and end <= min(stop, first + len(leaves)):
                _check_block(tenant_id, walk, block, leaves[block - first : end - first])
    walk.again = stop if stop < known - known % TILE_WIDTH else 0


def _check_block(tenant_id: UUID, walk: Walk, start: int, leaves: list[bytes]) -> None:
    assert walk.checkpoint is not None  # noqa: S101  # the caller has looked
    stop, size = start + TILE_WIDTH, walk.checkpoint.size
    path = run_flow(prove(tenant_id, path_ranges(start, stop, size)))
    root = root_from_path(start, stop, size, subtree_root(leaves), path)
    if root != walk.checkpoint.root:
        walk.fault(start, f"Records {start:,} to {stop:,} do not lead to the signed root.")


def _stretches(
    tenant_id: UUID, start: int, stop: int, walk: Walk
) -> Iterator[tuple[int, list[bytes]]]:
    """(first leaf, leaf hashes) of whole passes from the one that holds ``start``, as the records
    give them. Where these differ from the leaves that were sealed, the faults say which.
    """
    waiting: list[tuple[int, int, int]] = []
    for one in [*rows(PASSES, (tenant_id, tenant_id, start, stop)), None]:
        if waiting and (one is None or sum(count for *_, count in waiting) + one[2] > CHUNK):
            first = waiting[0][1]
            leaves = _leaves(tenant_id, waiting[0][0], waiting[-1][0])
            _compare(tenant_id, walk, first, sum(count for *_, count in waiting), leaves)
            yield first, leaves
            waiting = []
        if one is not None:
            waiting.append(one)


def _leaves(tenant_id: UUID, first_pass: int, last_pass: int) -> list[bytes]:
    found = rows(LEAVES, (first_pass - 1, last_pass, tenant_id, tenant_id))
    return unpack(bytes(found[0][0] or b""))


def _compare(tenant_id: UUID, walk: Walk, first: int, count: int, leaves: list[bytes]) -> None:
    try:
        sealed = run_flow(leaf_hashes(tenant_id, first, first + count))
    except EvidenceBroken as broken:
        walk.fault(first, broken.detail)
        return
    if leaves == sealed:
        return
    stands = set(leaves)
    for index, leaf in enumerate(sealed, start=first):
        if leaf not in stands:
            walk.fault(index, "No stored record has the hash that was sealed in this place.")
    strange = len(stands - set(sealed))
    if strange and len(leaves) > count:
        walk.fault(
            first, f"{strange} records among {first:,} to {first + count:,} were never sealed."
        )
    elif not walk.faults:
        walk.fault(first, f"Records {first:,} to {first + count:,} stand in another order.")
