"""The tree: what it stores and proves agrees with the definition in RFC 9162, read naively."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.audit.merkle import (
    TILE_WIDTH,
    Frontier,
    Node,
    consistency_ranges,
    needed,
    pack,
    path_ranges,
    place,
    roots,
    unpack,
)
from stateward.gate.audit.verify import (
    Invalid,
    descent,
    leaf_hash,
    root_from_path,
    subtree_root,
    verify_consistency,
)

Tiles = dict[tuple[int, int], bytearray]


def naive_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_consistency(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if old <= k:
        return [*naive_consistency(old, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_consistency(old - k, leaves[k:], False), naive_root(leaves[:k])]


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(index).encode()) for index in range(count)]


def grown(leaves: list[bytes]) -> tuple[Frontier, Tiles]:
    frontier, tiles = Frontier(), {}
    for leaf in leaves:
        frontier.append(leaf, tiles)
    return frontier, tiles


def read(tiles: Tiles, node: Node) -> bytes:
    level, tile, position = place(node)
    found = bytes(tiles[level, tile][position * 32 : position * 32 + 32])
    assert len(found) == 32
    return found


def proved(tiles: Tiles, ranges: list) -> list[bytes]:
    return roots(ranges, {node: read(tiles, node) for node in needed(ranges)})


LEAVES = leaves_of(700)
FRONTIER, TILES = grown(LEAVES)


@given(st.integers(0, 700))
def test_the_root_is_that_of_the_definition(count: int) -> None:
    frontier, _ = grown(LEAVES[:count])

    assert frontier.root() == naive_root(LEAVES[:count]) == subtree_root(LEAVES[:count])


@given(st.data(), st.integers(1, 700))
def test_inclusion_is_that_of_the_definition_for_every_past_size(
    data: st.DataObject, size: int
) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = proved(TILES, path_ranges(index, index + 1, size))

    assert path == naive_path(index, LEAVES[:size])
    root = root_from_path(index, index + 1, size, LEAVES[index], path)
    assert root == naive_root(LEAVES[:size])


@given(st.data(), st.integers(1, 700))
def test_consistency_is_that_of_the_definition(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new))
    proof = proved(TILES, consistency_ranges(old, new))

    assert proof == naive_consistency(old, LEAVES[:new])
    verify_consistency(old, naive_root(LEAVES[:old]), new, naive_root(LEAVES[:new]), proof)


@given(st.integers(0, 2), st.integers(1, 700))
def test_a_block_is_proved_by_its_subtree(block: int, size: int) -> None:
    start = block * TILE_WIDTH
    stop = min(start + TILE_WIDTH, size)
    if start >= size:
        return
    path = proved(TILES, path_ranges(start, stop, size))

    subtree = naive_root(LEAVES[start:stop])
    assert root_from_path(start, stop, size, subtree, path) == naive_root(LEAVES[:size])


@given(st.data(), st.integers(2, 300))
def test_a_proof_with_anything_changed_proves_nothing(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof = proved(TILES, consistency_ranges(old, new))
    old_root, new_root = naive_root(LEAVES[:old]), naive_root(LEAVES[:new])
    at = data.draw(st.integers(0, len(proof) - 1))
    wrong = bytes(32)

    for changed in (
        [*proof[:at], wrong, *proof[at + 1 :]],
        [*proof[:at], *proof[at + 1 :]],
        [*proof, wrong],
    ):
        with pytest.raises(Invalid):
            verify_consistency(old, old_root, new, new_root, changed)
    with pytest.raises(Invalid, match="forked"):
        verify_consistency(old, wrong, new, new_root, proof)
    with pytest.raises(Invalid, match="forked"):
        verify_consistency(old, old_root, new, wrong, proof)


def test_trees_of_one_size_have_one_root() -> None:
    root = naive_root(LEAVES[:5])

    verify_consistency(5, root, 5, root, [])
    verify_consistency(0, sha256(b"").digest(), 5, root, [])
    for case in ((5, bytes(32), 5, root, []), (0, root, 5, root, []), (5, root, 5, root, [root])):
        with pytest.raises(Invalid, match="forked"):
            verify_consistency(*case)
    with pytest.raises(Invalid, match="cannot begin"):
        verify_consistency(6, root, 5, root, [])


def test_what_is_no_subtree_has_no_path() -> None:
    for start, stop, size in ((0, 3, 8), (3, 5, 8), (7, 9, 8), (4, 4, 8), (-1, 1, 8)):
        with pytest.raises(Invalid):
            descent(start, stop, size)
    with pytest.raises(Invalid, match="3 hashes"):
        root_from_path(0, 1, 8, LEAVES[0], [])
    with pytest.raises(ValueError, match="cannot begin"):
        consistency_ranges(9, 8)


def test_a_frontier_needs_its_peaks() -> None:
    resumed = Frontier(FRONTIER.size, unpack(pack(FRONTIER.peaks)))

    assert resumed.root() == FRONTIER.root()
    with pytest.raises(ValueError, match="2 peaks"):
        Frontier(3, [bytes(32)])


def test_tiles_only_grow_at_their_end() -> None:
    _, smaller = grown(LEAVES[:300])

    for name, data in smaller.items():
        assert TILES[name][: len(data)] == data
    assert {len(data) // 32 for name, data in TILES.items() if name in ((0, 0), (0, 1))} == {510}


class Imagined:
    """A tree of any size whose every leaf is alike, so that each node follows from its height."""

    def __init__(self) -> None:
        self.reads = 0
        self.level = [leaf_hash(b"")]
        for _ in range(40):
            self.level.append(sha256(b"\x01" + self.level[-1] * 2).digest())

    def proof(self, ranges: list) -> list[bytes]:
        nodes = needed(ranges)
        self.reads += len(nodes)
        return roots(ranges, {node: self.level[node.height] for node in nodes})

    def root(self, size: int) -> bytes:
        peaks = [self.level[bit] for bit in reversed(range(40)) if size >> bit & 1]
        return Frontier(size, peaks).root()


@given(st.integers(10_000_000, 20_000_000), st.data())
def test_a_proof_among_ten_million_reads_a_few_dozen_hashes(size: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = Imagined()

    path = tree.proof(path_ranges(index, index + 1, size))
    assert root_from_path(index, index + 1, size, tree.level[0], path) == tree.root(size)
    assert tree.reads <= 48

    tree.reads = 0
    proof = tree.proof(consistency_ranges(old, size))
    verify_consistency(old, tree.root(old), size, tree.root(size), proof)
    assert tree.reads <= 48


@given(st.integers(10_000_000, 10_000_500))
def test_an_append_makes_a_few_nodes(size: int) -> None:
    tree, tiles = Imagined(), {}
    frontier = Frontier(size, [tree.level[bit] for bit in reversed(range(40)) if size >> bit & 1])

    frontier.append(tree.level[0], tiles)

    assert frontier.root() == tree.root(size + 1)
    assert sum(map(len, tiles.values())) // 32 <= 25
