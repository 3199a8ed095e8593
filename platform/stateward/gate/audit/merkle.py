"""The audit tree as it grows and is read: what an append stores, what a proof reads.

The tree is RFC 9162's (hashing in ``verify.py``, which the auditor runs too). Its nodes are named
by (height, number): the node over leaves ``number << height`` to ``(number + 1) << height``. A node
exists once all its leaves do, and never changes. Whoever appends needs only the *peaks*, the roots
of the perfect subtrees that the size's binary digits name; so an append costs O(log n).

Nodes are kept in *tiles*: tile (level, n) holds the nodes of heights 8*level to 8*level + 7 above
256 nodes of height 8*level, in the order in which they come to be (a child before its parent). So
a tile only ever grows at its end, the tree's right edge is a tile that is not full yet, and a node
lies at a place that can be computed: a proof reads single hashes, never a tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stateward.gate.audit.verify import EMPTY_ROOT, HASH_SIZE, descent, node_hash, split

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT


class Node(NamedTuple):
    height: int
    number: int


class Place(NamedTuple):
    """Where a node lies: ``position`` counts hashes within the tile."""

    level: int
    tile: int
    position: int


class Range(NamedTuple):
    """Leaves ``start`` to ``stop``, of which a proof needs the root."""

    start: int
    stop: int


def place(node: Node) -> Place:
    """A node follows its last leaf, at a distance of its height within the tile."""
    level, height = divmod(node.height, TILE_HEIGHT)
    last = ((node.number + 1) << height) - 1
    tile, leaf = divmod(last, TILE_WIDTH)
    return Place(level, tile, 2 * leaf - leaf.bit_count() + height)


class Frontier:
    """The right edge of a tree: enough to append to it and to know its root."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)  # largest first
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} peaks")

    def root(self) -> bytes:
        return fold(self.peaks)

    def append(self, leaf: bytes, tiles: dict[tuple[int, int], bytearray]) -> None:
        """Add one leaf hash; each node that comes to be goes to the end of its tile."""
        number = self.size
        height = 0
        node = leaf
        self.store(height, number, node, tiles)
        while number & 1:  # a right child completes its parent
            node = node_hash(self.peaks.pop(), node)
            number >>= 1
            height += 1
            self.store(height, number, node, tiles)
        self.peaks.append(node)
        self.size += 1

    @staticmethod
    def store(
        height: int, number: int, node: bytes, tiles: dict[tuple[int, int], bytearray]
    ) -> None:
        level, within = divmod(height, TILE_HEIGHT)
        tiles.setdefault((level, number >> TILE_HEIGHT - within), bytearray()).extend(node)


def fold(hashes: Iterable[bytes]) -> bytes:
    """The root over neighbouring perfect subtrees, given largest first."""
    *rest, root = list(hashes) or [EMPTY_ROOT]
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


def nodes_of(leaves: Range) -> list[Node]:
    """The perfect subtrees that make up a range which begins where a subtree of its length may."""
    nodes = []
    start = leaves.start
    while start < leaves.stop:
        height = (leaves.stop - start).bit_length() - 1
        nodes.append(Node(height, start >> height))
        start += 1 << height
    return nodes


def path_ranges(start: int, stop: int, size: int) -> list[Range]:
    """What the path from the subtree over leaves [start, stop) to the root is made of, in order."""
    return [Range(low, high) for _, low, high in reversed(descent(start, stop, size))]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """What the proof that a tree of ``new`` begins with one of ``old`` is made of, in order."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} cannot begin with one of {old}")
    if old in (0, new):
        return []
    low, high = 0, new
    passed = []
    while old != high:
        middle = low + split(high - low)
        if old <= middle:
            passed.append(Range(middle, high))
            high = middle
        else:
            passed.append(Range(low, middle))
            low = middle
    whole = [] if low == 0 else [Range(low, high)]  # a whole old tree is known to the verifier
    return [*whole, *reversed(passed)]


def needed(ranges: Iterable[Range]) -> list[Node]:
    """The nodes to read for these ranges' roots."""
    return [node for leaves in ranges for node in nodes_of(leaves)]


def roots(ranges: Iterable[Range], hashes: Mapping[Node, bytes]) -> list[bytes]:
    """The ranges' roots, from the nodes that were read."""
    return [fold(hashes[node] for node in nodes_of(leaves)) for leaves in ranges]


def pack(hashes: Iterable[bytes]) -> bytes:
    return b"".join(hashes)


def unpack(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
