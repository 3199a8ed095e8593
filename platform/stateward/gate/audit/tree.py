"""A tenant's tree in the database: its right edge, its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from stateward.gate.audit.exceptions import EvidenceBroken, ForkedHistory
from stateward.gate.audit.merkle import (
    TILE_WIDTH,
    Frontier,
    Node,
    Range,
    consistency_ranges,
    needed,
    place,
    roots,
    unpack,
)
from stateward.gate.audit.verify import EMPTY_ROOT, Invalid, verify_consistency
from stateward.kernel.flow import Flow, Statement

TREES = """
SELECT tenant_id, size, root, peaks, alarm, held_after FROM stateward_audit_tree
WHERE tenant_id = ANY (%s::uuid[])
"""
NODES = """
SELECT q.i, substr(t.hashes, q.position * 32 + 1, 32)
FROM unnest(%s::smallint[], %s::bigint[], %s::integer[])
    WITH ORDINALITY AS q (level, number, position, i)
JOIN stateward_audit_tile t ON t.tenant_id = %s AND t.level = q.level AND t.number = q.number
"""
ADD_TILES = """
INSERT INTO stateward_audit_tile AS t (tenant_id, level, number, hashes)
SELECT %s, q.level, q.number, q.hashes
FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[]) AS q (level, number, hashes)
ON CONFLICT (tenant_id, level, number) DO UPDATE SET hashes = t.hashes || excluded.hashes
"""


FEW = 64  # hashes read one by one


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree as it stands. ``alarm`` says why it no longer grows."""

    tenant_id: UUID
    size: int = 0
    root: bytes = EMPTY_ROOT
    peaks: bytes = b""
    alarm: str | None = None
    held_after: int | None = None

    def frontier(self) -> Frontier:
        return Frontier(self.size, unpack(self.peaks))


def load_trees(tenant_ids: Iterable[UUID]) -> Flow[dict[UUID, Tree]]:
    """The trees of these tenants; an empty one where there is none yet."""
    trees = {tenant_id: Tree(tenant_id) for tenant_id in tenant_ids}
    rows = yield Statement(TREES, (list(trees),))
    for tenant_id, size, root, peaks, alarm, held_after in rows:
        trees[tenant_id] = Tree(tenant_id, size, bytes(root), bytes(peaks), alarm, held_after)
    return trees


def read_nodes(tenant_id: UUID, nodes: Sequence[Node]) -> Flow[dict[Node, bytes]]:
    """These nodes' hashes, each read by itself. Raises EvidenceBroken where one is missing."""
    places = [place(node) for node in nodes]
    rows = yield Statement(
        NODES,
        (
            [at.level for at in places],
            [at.tile for at in places],
            [at.position for at in places],
            tenant_id,
        ),
    )
    found = {nodes[position - 1]: bytes(data) for position, data in rows}
    missing = [node for node in nodes if len(found.get(node, b"")) != len(EMPTY_ROOT)]
    if missing:
        raise EvidenceBroken(f"The tree's node {missing[0]} is missing from the database.")
    return found


def leaf_hashes(tenant_id: UUID, start: int, stop: int) -> Flow[list[bytes]]:
    """The leaf hashes from ``start`` to ``stop``, whole tiles at a time where there are many."""
    if stop - start <= FEW:
        nodes = [Node(0, number) for number in range(start, stop)]
        found = yield from read_nodes(tenant_id, nodes)
        return [found[node] for node in nodes]
    rows = yield Statement(
        "SELECT number, hashes FROM stateward_audit_tile WHERE tenant_id = %s AND level = 0"
        " AND number BETWEEN %s AND %s",
        (tenant_id, start // TILE_WIDTH, (stop - 1) // TILE_WIDTH),
    )
    tiles = {number: unpack(bytes(hashes)) for number, hashes in rows}
    try:
        return [
            tiles[at.tile][at.position]
            for at in (place(Node(0, number)) for number in range(start, stop))
        ]
    except LookupError:
        raise EvidenceBroken("A part of the tree is missing from the database.") from None


def prove(tenant_id: UUID, ranges: Sequence[Range]) -> Flow[list[bytes]]:
    """The roots of these ranges: a path or a proof."""
    nodes = needed(ranges)
    hashes: Mapping[Node, bytes] = {}
    if nodes:
        hashes = yield from read_nodes(tenant_id, nodes)
    return roots(ranges, hashes)


def check_beginning(tree: Tree, size: int, root: bytes) -> Flow[None]:
    """Raise ForkedHistory unless the tree begins with the tree of this size and root."""
    proof = yield from prove(tree.tenant_id, consistency_ranges(size, tree.size))
    try:
        verify_consistency(size, root, tree.size, tree.root, proof)
    except Invalid as problem:
        raise ForkedHistory(f"A checkpoint of size {size} was signed before; {problem}.") from None


def add_tiles(tenant_id: UUID, tiles: Mapping[tuple[int, int], bytes | bytearray]) -> Flow[None]:
    """Put each tile's new nodes at its end."""
    yield Statement(
        ADD_TILES,
        (
            tenant_id,
            [level for level, _ in tiles],
            [number for _, number in tiles],
            [bytes(hashes) for hashes in tiles.values()],
        ),
    )
