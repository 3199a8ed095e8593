"""Whether many records are what was sealed, in a few statements however many they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stateward.gate.audit.exceptions import EvidenceBroken
from stateward.gate.audit.merkle import Node, needed, path_ranges, roots
from stateward.gate.audit.proofs import StoredCheckpoint, latest_checkpoint
from stateward.gate.audit.tree import read_nodes
from stateward.gate.audit.verify import leaf_hash, root_from_path
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement

PLACES = """
SELECT q.id, q.record, b.first, b.count
FROM (SELECT r.id, r.record, r.seq, stateward_pass_of(r.xid) AS pass
      FROM stateward_audit_record r
      WHERE r.tenant_id = %s AND r.id = ANY (%s) AND r.at BETWEEN %s AND %s) AS q
LEFT JOIN LATERAL (
    SELECT first, count FROM stateward_audit_batch
    WHERE tenant_id = %s AND pass = q.pass AND until_seq >= q.seq ORDER BY until_seq LIMIT 1
) AS b ON true
"""


@dataclass(frozen=True, slots=True)
class Proven:
    """Which of the records asked about lead to the signed root of ``checkpoint``.

    ``places`` are those that do, with their places in the log; ``waiting`` are not sealed yet;
    ``broken`` are not what was sealed.
    """

    checkpoint: StoredCheckpoint | None
    places: dict[UUID, int]
    waiting: frozenset[UUID]
    broken: frozenset[UUID]


def prove_many(tenant_id: UUID, asked: Sequence[tuple[UUID, datetime]]) -> Flow[Proven]:
    """Each record (id, time) walked to the newest signed root. In the tenant's scope."""
    ids = frozenset(record_id for record_id, _ in asked)
    try:
        checkpoint = yield from latest_checkpoint(tenant_id)
    except NotFound:
        return Proven(None, {}, ids, frozenset())
    if not asked:
        return Proven(checkpoint, {}, frozenset(), frozenset())
    times = [at for _, at in asked]
    rows = yield Statement(PLACES, (tenant_id, list(ids), min(times), max(times), tenant_id))
    found = {row[0]: (leaf_hash(bytes(row[1])), row[2], row[3]) for row in rows}
    sealed = {key: one for key, one in found.items() if one[1] is not None}
    waiting = frozenset(key for key, one in found.items() if one[1] is None)
    try:
        places = yield from _places(tenant_id, sealed, checkpoint.size)
        proven = yield from _walk(tenant_id, sealed, places, checkpoint)
    except EvidenceBroken:  # a part of the tree is gone: nothing that rests on it is proven
        proven = {}
        places = {}
    past = frozenset(key for key, one in sealed.items() if one[1] >= checkpoint.size)
    return Proven(checkpoint, proven, waiting | past, ids - waiting - past - frozenset(proven))


def _places(
    tenant_id: UUID, sealed: dict[UUID, tuple[bytes, int, int]], size: int
) -> Flow[dict[UUID, int]]:
    """Where each record's hash is among the few leaves it was sealed with."""
    wanted = {
        Node(0, n) for _, first, count in sealed.values() for n in _leaves(first, count, size)
    }
    hashes = (yield from read_nodes(tenant_id, sorted(wanted))) if wanted else {}
    places = {}
    for key, (leaf, first, count) in sealed.items():
        for number in _leaves(first, count, size):
            if hashes[Node(0, number)] == leaf:
                places[key] = number
                break
    return places


def _leaves(first: int, count: int, size: int) -> Iterable[int]:
    return range(first, min(first + count, size))


def _walk(
    tenant_id: UUID,
    sealed: dict[UUID, tuple[bytes, int, int]],
    places: dict[UUID, int],
    checkpoint: StoredCheckpoint,
) -> Flow[dict[UUID, int]]:
    """Those of which the path leads to the root."""
    size = checkpoint.size
    ranges = {key: path_ranges(place, place + 1, size) for key, place in places.items()}
    nodes = {node for one in ranges.values() for node in needed(one)}
    hashes = (yield from read_nodes(tenant_id, sorted(nodes))) if nodes else {}
    return {
        key: place
        for key, place in places.items()
        if root_from_path(place, place + 1, size, sealed[key][0], roots(ranges[key], hashes))
        == checkpoint.root
    }
