"""Proofs: that a record is in the tree that was signed, that one tree begins with another.

Nothing here is believed because the database says so: a proof is checked against the signed root
before it is given out, so what was changed after sealing is told as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stateward.gate.audit.exceptions import EvidenceBroken, NotSealedYet
from stateward.gate.audit.merkle import consistency_ranges, path_ranges
from stateward.gate.audit.tree import leaf_hashes, prove
from stateward.gate.audit.verify import Hashes, encode64, leaf_hash, root_from_path
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement

CHECKPOINT = "SELECT size, root, note, sealed_at, renewed_at FROM stateward_audit_checkpoint"
FIND = """
SELECT stateward_pass_of(r.xid), r.seq, r.record FROM stateward_audit_record r
WHERE r.tenant_id = %s AND r.id = %s
"""
BATCH = """
SELECT first, count FROM stateward_audit_batch
WHERE tenant_id = %s AND pass = %s AND until_seq >= %s ORDER BY until_seq LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A signed checkpoint, and when it was first and last signed."""

    size: int
    root: bytes
    note: str
    sealed_at: datetime
    renewed_at: datetime


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A record is leaf ``index`` of the tree that ``checkpoint`` signs."""

    index: int
    leaf: bytes
    path: Hashes
    checkpoint: StoredCheckpoint

    def as_text(self) -> str:
        """C2SP tlog-proof."""
        lines = ["c2sp.org/tlog-proof@v1", f"index {self.index}", *map(encode64, self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint.note

    def as_json(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "leaf_hash": encode64(self.leaf),
            "tree_size": self.checkpoint.size,
            "root_hash": encode64(self.checkpoint.root),
            "path": [encode64(one) for one in self.path],
            "checkpoint": self.checkpoint.note,
        }


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """The tree of ``new`` records begins with the tree of ``old``."""

    old: int
    new: int
    proof: Hashes

    def as_json(self) -> dict[str, Any]:
        return {"from": self.old, "to": self.new, "proof": [encode64(one) for one in self.proof]}


def latest_checkpoint(tenant_id: UUID) -> Flow[StoredCheckpoint]:
    """The newest. Raises NotFound before anything was sealed."""
    rows = yield Statement(
        f"{CHECKPOINT} WHERE tenant_id = %s ORDER BY size DESC LIMIT 1", (tenant_id,)
    )
    if not rows:
        raise NotFound("Nothing has been sealed for this tenant yet.")
    return _checkpoint(rows[0])


def checkpoint_at(tenant_id: UUID, size: int) -> Flow[StoredCheckpoint | None]:
    """The checkpoint of exactly this size, if one was signed."""
    rows = yield Statement(f"{CHECKPOINT} WHERE tenant_id = %s AND size = %s", (tenant_id, size))
    return _checkpoint(rows[0]) if rows else None


def list_checkpoints(
    tenant_id: UUID, *, below: int | None = None, limit: int = 100
) -> Flow[list[StoredCheckpoint]]:
    """Checkpoints by falling size, those below a size where one is given."""
    rows = yield Statement(
        f"{CHECKPOINT} WHERE tenant_id = %s AND size < %s ORDER BY size DESC LIMIT %s",
        (tenant_id, 2**62 if below is None else below, limit),
    )
    return [_checkpoint(row) for row in rows]


def record_index(tenant_id: UUID, record_id: UUID) -> Flow[tuple[int, bytes]]:
    """Which leaf a sealed record is, and its hash. Raises NotFound, NotSealedYet, EvidenceBroken.

    Found by its hash among the few it was sealed with: a neighbour that is gone moves no other.
    """
    rows = yield Statement(FIND, (tenant_id, record_id))
    if not rows:
        raise NotFound
    number, seq, record = rows[0]
    batches = yield Statement(BATCH, (tenant_id, number, seq))
    if not batches:
        raise NotSealedYet
    first, count = batches[0]
    leaves = yield from leaf_hashes(tenant_id, first, first + count)
    leaf = leaf_hash(bytes(record))
    if leaf not in leaves:
        raise EvidenceBroken(
            f"Record {record_id} is not what was sealed: none of those sealed as numbers {first} to"
            f" {first + count - 1} has its hash. It was changed or inserted afterwards."
        )
    return first + leaves.index(leaf), leaf


def inclusion_proof(tenant_id: UUID, record_id: UUID) -> Flow[InclusionProof]:
    """The proof under the newest checkpoint.

    Raises NotFound, NotSealedYet; EvidenceBroken when the record is not the one that was sealed.
    """
    index, leaf = yield from record_index(tenant_id, record_id)
    try:
        checkpoint = yield from latest_checkpoint(tenant_id)
    except NotFound:
        raise NotSealedYet from None
    if index >= checkpoint.size:
        raise NotSealedYet
    path = yield from prove(tenant_id, path_ranges(index, index + 1, checkpoint.size))
    if root_from_path(index, index + 1, checkpoint.size, leaf, path) != checkpoint.root:
        raise EvidenceBroken("The tree in the database is not the one that was signed.")
    return InclusionProof(index, leaf, path, checkpoint)


def consistency_proof(tenant_id: UUID, old: int, new: int) -> Flow[ConsistencyProof]:
    """Between any two sizes up to the newest checkpoint's. Raises NotFound past it."""
    newest = yield from latest_checkpoint(tenant_id)
    if not 0 <= old <= new <= newest.size:
        raise NotFound(f"Sizes rise from 0 to {newest.size}, the newest checkpoint's.")
    proof = yield from prove(tenant_id, consistency_ranges(old, new))
    return ConsistencyProof(old, new, proof)


def _checkpoint(row: tuple[Any, ...]) -> StoredCheckpoint:
    size, root, note, sealed_at, renewed_at = row
    return StoredCheckpoint(size, bytes(root), note, sealed_at, renewed_at)
