#!/usr/bin/env python3
"""Verify a Stateward audit bundle offline.

    python -I verify.py BUNDLE [--key FILE] [--checkpoint FILE]

This one file needs nothing but Python's standard library, and no network. It exits 0 only when
every record and checkpoint of the bundle holds, and otherwise 1, naming the first that does not.

What is checked. The audit log of a tenant is a Merkle tree (RFC 9162) over its records; a leaf is
SHA-256(0x00 || record), and a record is canonical JSON (RFC 8785). A checkpoint (C2SP
tlog-checkpoint) signs the tree's size and root with Ed25519. A bundle is text, one JSON object a
line. The first, the manifest, is signed and holds the SHA-256 of all that follows it:

    manifest     tenant, origin, tree size and root, which records are within, the filter, the hash
    key          a public key ("name+hash+base64"), as checkpoints name it
    checkpoint   a signed note
    consistency  a proof that the tree of one size begins with the tree of another
    block        the leaf hashes of neighbouring records, and their subtree's path to the root
    record       a record at its index, its erasable payload, and its own path unless in a block
    leaf         a record that was erased: only its hash is left; a later record must document it
    stored       what the database holds in a record's place and is not that record: never valid

Give ``--key`` a file with the public key you got from the operator, or nothing ties the bundle to
anyone. Give ``--checkpoint`` a checkpoint you kept from an earlier day: only so can a rewritten
history (a fork) or one cut at an older checkpoint be found.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

FORMAT = "stateward-audit-bundle/1"
ED25519 = 0x01  # the signature type of a C2SP signed note
HASH_SIZE = 32
KEPT = "the checkpoint kept elsewhere"
RECORD_FOLLOWS = ',"record":{'


class Invalid(Exception):
    """Something does not hold; the message says what."""


# --- The Merkle tree (RFC 9162) ------------------------------------------------------------------

Hashes = list[bytes]
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(record: bytes) -> bytes:
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two below ``size`` (which is at least 2): where a tree divides."""
    return 1 << (size - 1).bit_length() - 1


def descent(start: int, stop: int, size: int) -> list[tuple[bool, int, int]]:
    """From the root down to the subtree over leaves ``[start, stop)``: the siblings passed.

    Each is (is it the left one, its first leaf, the leaf after its last).
    """
    if not 0 <= start < stop <= size:
        raise Invalid(f"leaves {start} to {stop} are not within a tree of {size}")
    low, high = 0, size
    siblings = []
    while (low, high) != (start, stop):
        if high - low < 2:
            raise Invalid(f"leaves {start} to {stop} are no subtree of a tree of {size}")
        middle = low + split(high - low)
        if stop <= middle:
            siblings.append((False, middle, high))
            high = middle
        else:
            siblings.append((True, low, middle))
            low = middle
    return siblings


def root_from_path(start: int, stop: int, size: int, subtree: bytes, path: Hashes) -> bytes:
    """The root that ``path``, from the subtree over ``[start, stop)`` upwards, leads to."""
    siblings = descent(start, stop, size)
    if len(path) != len(siblings):
        raise Invalid(f"a path of {len(siblings)} hashes is needed, not {len(path)}")
    for (is_left, _, _), sibling in zip(reversed(siblings), path, strict=True):
        subtree = node_hash(sibling, subtree) if is_left else node_hash(subtree, sibling)
    return subtree


def subtree_root(hashes: list[bytes]) -> bytes:
    """The root over these leaf hashes, level by level."""
    while len(hashes) > 1:
        paired = [
            sha256(b"\x01" + hashes[i] + hashes[i + 1]).digest()
            for i in range(0, len(hashes) - 1, 2)
        ]
        if len(hashes) % 2:
            paired.append(hashes[-1])
        hashes = paired
    return hashes[0] if hashes else EMPTY_ROOT


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Hashes
) -> None:
    """Raise unless ``proof`` shows that the newer tree begins with the older (RFC 9162 2.1.4.2)."""
    if old_size > new_size:
        raise Invalid(f"a tree of {new_size} cannot begin with one of {old_size}")
    if old_size in (0, new_size):
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if proof or old_root != expected:
            raise Invalid(f"two different roots for one tree of {old_size}: the history was forked")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise Invalid("the consistency proof is empty")
    old, new = fold_consistency(old_size, new_size, path)
    if old != old_root or new != new_root:
        raise Invalid(
            f"the tree of {new_size} does not begin with the tree of {old_size}: "
            "the history was forked"
        )


def fold_consistency(old_size: int, new_size: int, path: Hashes) -> tuple[bytes, bytes]:
    """The two roots that a consistency path leads to."""
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Invalid("the consistency proof is too long")
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise Invalid("the consistency proof is too short")
    return old, new


# --- Ed25519 (RFC 8032), verification only -------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x*y = T/Z
NEUTRAL: Point = (0, 1, 1, 0)


def add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def decode_point(data: bytes) -> Point:
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        raise Invalid("a point of the curve is not written canonically")
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_MINUS_1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        raise Invalid("not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(public_key) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    try:
        key, r = decode_point(public_key), decode_point(signature[:32])
    except Invalid:
        return False
    digest = sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(digest, "little") % ORDER
    left, right = multiply(s, BASE), add(r, multiply(k, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


# --- Signed notes and checkpoints (C2SP) ---------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A verifier key: who signs, the hash that names the key in a signature line, the key."""

    name: str
    hash: bytes
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{encode64(bytes([ED25519]) + self.public)}"


@dataclass(frozen=True)
class Checkpoint:
    """What a log signed: its name, how many records it has, their root, and further lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def key_hash(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([ED25519]) + public_key).digest()[:4]


def parse_key(text: str) -> Key:
    """The verifier key written as ``name+hash+base64``."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise Invalid("a key is written name+hash+base64")
    name, hexadecimal, encoded = parts
    data = decode64(encoded)
    if len(data) != 33 or data[0] != ED25519:
        raise Invalid("the key is no Ed25519 key")
    key = Key(name, key_hash(name, data[1:]), data[1:])
    if key.hash.hex() != hexadecimal:
        raise Invalid("the key's hash does not belong to it")
    return key


def open_note(note: str, keys: Iterable[Key]) -> str:
    """The text of a signed note; raises unless one of ``keys`` signed it.

    Signatures of unknown keys are ignored. One by a known key that does not verify is an error.
    """
    if any(ord(sign) < 32 and sign != "\n" for sign in note):
        raise Invalid("the note holds control characters")
    at = note.rfind("\n\n")
    if at < 0 or not note.endswith("\n"):
        raise Invalid("this is no signed note")
    text, lines = note[: at + 1], note[at + 2 : -1].split("\n")
    known = {(key.name, key.hash): key for key in keys}
    signed = False
    for name, hashed, signature in map(parse_signature, lines):
        key = known.get((name, hashed))
        if key is None:
            continue
        if not ed25519_verifies(key.public, text.encode(), signature):
            raise Invalid(f"the signature of {name} is wrong")
        signed = True
    if not signed:
        raise Invalid("none of the keys signed this note")
    return text


def parse_signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    data = decode64(encoded)
    if dash != "—" or not name or len(data) < 5:
        raise Invalid("a signature line is malformed")
    return name, data[:4], data[4:]


def parse_checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not lines[0] or not all(lines[3:]):
        raise Invalid("the note is no checkpoint")
    origin, size, root, *extensions = lines
    if not size.isascii() or not size.isdigit() or str(int(size)) != size:
        raise Invalid("the checkpoint's size is no number")
    return Checkpoint(origin, int(size), decode_hash(root), tuple(extensions))


def open_checkpoint(note: str, keys: Iterable[Key]) -> Checkpoint:
    return parse_checkpoint(open_note(note, keys))


# --- Encodings -----------------------------------------------------------------------------------


def encode64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode64(text: str) -> bytes:
    """The bytes of standard base64, written in the one canonical way."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("base64 is malformed") from error
    if encode64(data) != text:
        raise Invalid("base64 is not canonical")
    return data


def decode_hash(text: Any) -> bytes:
    data = decode64(text if isinstance(text, str) else "")
    if len(data) != HASH_SIZE:
        raise Invalid("a hash has 32 bytes")
    return data


def decode_hashes(texts: Any) -> Hashes:
    return [decode_hash(text) for text in as_list(texts)]


def refuse(value: str) -> NoReturn:
    raise Invalid(f"a number is not whole: {value[:20]}")


# Made once: the functions of ``json`` would make them anew for every line.
ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
DECODER = json.JSONDecoder(parse_float=refuse, parse_constant=refuse)
LENIENT = json.JSONDecoder()  # for what is hashed as it is, not written again


def encode_json(value: Any) -> str:
    """Canonical JSON (RFC 8785) of strings, whole numbers, booleans, lists and objects."""
    return ENCODER.encode(value)


def decode_line(line: bytes) -> tuple[dict[str, Any], bytes | None]:
    """The JSON object of one line, canonical to the byte but for ``record``; and its bytes.

    ``record`` is the last member by name. Its bytes are not compared with their canonical form:
    they must hash to a leaf of the tree, which only the sealed bytes do.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Invalid("the line is no UTF-8") from error
    head, found, record = text.partition(RECORD_FOLLOWS)
    if not found:
        return decode_canonical(text), None
    if not record.endswith("}\n"):
        raise Invalid("the line has no end")
    return decode_canonical(head + "}\n"), b"{" + record[:-2].encode()


def decode_canonical(text: str) -> dict[str, Any]:
    value = decode_json(text)
    if encode_json(value) + "\n" != text:
        raise Invalid("the line is not in canonical form")
    return value


def decode_json(text: str, decoder: json.JSONDecoder = DECODER) -> dict[str, Any]:
    try:
        value = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("it is no JSON") from error
    if not isinstance(value, dict):
        raise Invalid("it is no JSON object")
    return value


def as_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid("a list is missing")
    return value


def as_int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Invalid("a number is missing")
    return value


def as_str(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("a text is missing")
    return value


# --- The bundle ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manifest:
    tenant_id: str
    origin: str
    size: int
    root: bytes
    ranges: list[list[int]]  # [first, one past the last], of the records within
    body_hash: str

    @property
    def count(self) -> int:
        return sum(stop - first for first, stop in self.ranges)


@dataclass
class Beginning:
    """The tree over the bundle's first ``size`` records, if all of them are within."""

    size: int
    added: int = 0
    peaks: list[tuple[int, bytes]] = field(default_factory=list)  # (height, root), largest first

    @property
    def is_complete(self) -> bool:
        return self.added == self.size

    def add(self, index: int, leaf: bytes) -> None:
        if index != self.added or self.is_complete:
            return
        height = 0
        while self.peaks and self.peaks[-1][0] == height:
            leaf = node_hash(self.peaks.pop()[1], leaf)
            height += 1
        self.peaks.append((height, leaf))
        self.added += 1

    def check(self, root: bytes) -> None:
        *rest, (_, own) = self.peaks
        for _, peak in reversed(rest):
            own = node_hash(peak, own)
        if own != root:
            raise Invalid("the records begin otherwise than it says: the history was forked")


@dataclass
class Verification:
    """One reading of a bundle. ``problem`` is the first thing that does not hold."""

    trusted: list[Key]
    outside: str | None = None
    keys: list[Key] = field(default_factory=list)
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    consistency: dict[tuple[int, int], Hashes] = field(default_factory=dict)
    block: dict[int, bytes] = field(default_factory=dict)
    erased: dict[int, None] = field(default_factory=dict)
    expected: Iterator[int] = field(default_factory=lambda: iter(()))
    records: int = 0
    problem: str | None = None
    manifest: Manifest = field(init=False)
    kept: Checkpoint | None = None
    beginning: Beginning = field(init=False)

    def run(self, lines: Iterable[bytes]) -> str | None:
        source = iter(lines)
        try:
            self.manifest = self.read_manifest(next(source, b""))
            self.kept = self.read_outside()
            self.beginning = Beginning(self.kept.size if self.kept else 0)
            self.read_body(source)
            self.check_checkpoints()
            if self.kept is not None:
                self.check_beginning(self.kept.size, self.kept.root, KEPT)
        except Invalid as error:
            self.problem = str(error)
        return self.problem

    def read_manifest(self, line: bytes) -> Manifest:
        try:
            content, _ = decode_line(line)
            if content.get("kind") != "manifest" or content.get("format") != FORMAT:
                raise Invalid(f"the first line is no manifest of {FORMAT}")
            manifest = Manifest(
                as_str(content.get("tenant_id")),
                as_str(content.get("origin")),
                as_int(content.get("tree_size")),
                decode_hash(content.get("root")),
                read_ranges(content.get("ranges")),
                as_str(content.get("sha256")),
            )
            self.check_signature(content, manifest.origin)
        except Invalid as error:
            raise Invalid(f"manifest: {error}") from None
        return manifest

    def check_signature(self, content: dict[str, Any], origin: str) -> None:
        """The manifest is signed by the key it names, which must be trusted where any key is."""
        key = parse_key(as_str(content.get("key")))
        signature = decode64(as_str(content.pop("signature", None)))
        if key.name != origin:
            raise Invalid(f"the key of {key.name} signs for {origin}")
        if self.trusted and str(key) not in map(str, self.trusted):
            raise Invalid("it is not signed by the key you trust")
        message = f"{FORMAT}\n{encode_json(content)}".encode()
        if not ed25519_verifies(key.public, message, signature):
            raise Invalid("its signature is wrong")
        self.keys = list(self.trusted) or [key]

    def read_body(self, lines: Iterator[bytes]) -> None:
        """Every line; a wrong line is named before a wrong hash of them all."""
        readers: dict[Any, Callable[[dict[str, Any]], None]] = {
            "key": self.read_key,
            "checkpoint": self.read_checkpoint,
            "consistency": self.read_consistency,
            "block": self.read_block,
            "leaf": self.read_leaf,
            "stored": self.read_stored,
        }
        self.expected = (
            index for first, stop in self.manifest.ranges for index in range(first, stop)
        )
        digest = sha256()
        for number, line in enumerate(lines, start=2):
            digest.update(line)
            try:
                content, record = decode_line(line)
                kind = as_str(content.get("kind"))
                if kind != "record" and (kind not in readers or record is not None):
                    raise Invalid("the line is of no known kind")
            except Invalid as error:
                raise Invalid(f"line {number}: {error} ({self.position()})") from None
            if kind == "record":
                self.read_record(content, record)
            else:
                readers[kind](content)
        missing = next(self.expected, None)
        if missing is not None:
            raise Invalid(f"record {missing}: it is missing")
        if self.erased:
            raise Invalid(
                f"record {next(iter(self.erased))}: no later record documents its erasure"
            )
        if digest.hexdigest() != self.manifest.body_hash:
            raise Invalid("manifest: its hash is not that of the lines below it")

    def position(self) -> str:
        index = next(self.expected, None)
        return "after the last record" if index is None else f"at or before record {index}"

    def read_key(self, content: dict[str, Any]) -> None:
        try:
            key = parse_key(as_str(content.get("key")))
            if key.name != self.manifest.origin:
                raise Invalid(f"it belongs to {key.name}")
        except Invalid as error:
            raise Invalid(f"key: {error}") from None
        if not self.trusted:
            self.keys.append(key)

    def read_checkpoint(self, content: dict[str, Any]) -> None:
        note = as_str(content.get("note"))
        try:
            checkpoint = open_checkpoint(note, self.keys)
            if checkpoint.origin != self.manifest.origin:
                raise Invalid(f"it is of another log, {checkpoint.origin}")
            if checkpoint.size > self.manifest.size:
                raise Invalid("it is of a larger tree than the bundle's")
            known = self.checkpoints.setdefault(checkpoint.size, checkpoint.root)
            if known != checkpoint.root:
                raise Invalid("another checkpoint of this size has another root: a fork")
        except Invalid as error:
            size = note.split("\n", 2)[1:2]
            raise Invalid(f"checkpoint {''.join(size)[:20]}: {error}") from None

    def read_consistency(self, content: dict[str, Any]) -> None:
        try:
            sizes = as_int(content.get("from")), as_int(content.get("to"))
            self.consistency[sizes] = decode_hashes(content.get("proof"))
        except Invalid as error:
            raise Invalid(f"consistency: {error}") from None

    def read_block(self, content: dict[str, Any]) -> None:
        """Neighbouring leaf hashes, proved together: the records that follow must have them."""
        first = content.get("first")
        try:
            leaves = decode64(as_str(content.get("leaves")))
            hashes = [leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE)]
            if len(leaves) % HASH_SIZE:
                raise Invalid("a hash has 32 bytes")
            start = as_int(first)
            path = decode_hashes(content.get("path"))
            self.check_path(start, start + len(hashes), subtree_root(hashes), path)
        except Invalid as error:
            raise Invalid(f"record {first}: the block that begins here: {error}") from None
        self.block = dict(enumerate(hashes, start))

    def check_path(self, start: int, stop: int, subtree: bytes, path: Hashes) -> None:
        root = root_from_path(start, stop, self.manifest.size, subtree, path)
        if root != self.manifest.root:
            raise Invalid("it is not in the tree that was signed")

    def read_record(self, content: dict[str, Any], data: bytes | None) -> None:
        index = self.next_index(content)
        try:
            if data is None:
                raise Invalid("it is no record")
            self.check_leaf(index, leaf_hash(data), content.get("path"))
            record = decode_json(data.decode(), LENIENT)
            if record.get("tenant_id") != self.manifest.tenant_id:
                raise Invalid("it belongs to another tenant")
            check_payload(record.get("personal"), content.get("payload"))
            if record.get("action") == "audit.erase":
                self.document_erasure(record)
        except Invalid as error:
            raise Invalid(f"record {index}: {error}") from None
        self.records += 1

    def next_index(self, content: dict[str, Any]) -> int:
        """The index of this line, which must be the one expected next."""
        index = content.get("index")
        expected = next(self.expected, None)
        if expected is None:
            raise Invalid(f"record {index}: it is more than the manifest lists")
        if index != expected:
            raise Invalid(f"record {expected}: it is missing, record {index} is in its place")
        return expected

    def check_leaf(self, index: int, leaf: bytes, path: Any) -> None:
        self.beginning.add(index, leaf)
        if path is None:
            known = self.block.pop(index, None)
            if known is None:
                raise Invalid("it has no proof")
            if known != leaf:
                raise Invalid("it is not the record that was sealed")
            return
        try:
            self.check_path(index, index + 1, leaf, decode_hashes(path))
        except Invalid as error:
            raise Invalid(f"it is not the record that was sealed ({error})") from None

    def read_leaf(self, content: dict[str, Any]) -> None:
        index = self.next_index(content)
        try:
            self.check_leaf(index, decode_hash(content.get("hash")), content.get("path"))
        except Invalid as error:
            raise Invalid(f"record {index}: {error}") from None
        self.erased[index] = None

    def document_erasure(self, record: dict[str, Any]) -> None:
        details = record.get("details")
        for first, stop in read_ranges(details.get("erased") if isinstance(details, dict) else []):
            for index in [index for index in self.erased if first <= index < stop]:
                del self.erased[index]

    def read_stored(self, content: dict[str, Any]) -> None:
        index = content.get("index")
        if index is None:
            raise Invalid(
                f"a record was inserted after sealing ({self.position()}): "
                f"{str(content.get('base64'))[:60]}"
            )
        raise Invalid(f"record {index}: what the database holds is not the record that was sealed")

    def check_checkpoints(self) -> None:
        """The newest checkpoint is the tree's; the others are its beginnings."""
        if self.checkpoints.get(self.manifest.size) != self.manifest.root:
            raise Invalid("checkpoint: none is signed for the bundle's tree")
        for size, root in sorted(self.checkpoints.items()):
            self.check_beginning(size, root, "checkpoint")

    def check_beginning(self, size: int, root: bytes, what: str) -> None:
        newest = self.manifest
        proof = self.consistency.get((size, newest.size))
        try:
            if proof is not None or size in (0, newest.size):
                verify_consistency(size, root, newest.size, newest.root, proof or [])
            elif self.beginning.is_complete and self.beginning.size == size:
                self.beginning.check(root)
            else:
                raise Invalid("the bundle holds no proof from it; export one that names its size")
        except Invalid as error:
            raise Invalid(f"{what} (size {size}): {error}") from None

    def read_outside(self) -> Checkpoint | None:
        """The checkpoint kept elsewhere, which must be of this log and no newer than the bundle."""
        if self.outside is None:
            return None
        try:
            kept = open_checkpoint(self.outside, self.keys)
        except Invalid as error:
            raise Invalid(f"{KEPT}: {error}") from None
        if kept.origin != self.manifest.origin:
            raise Invalid(f"{KEPT}: it is of another log, {kept.origin}")
        if kept.size > self.manifest.size:
            raise Invalid(
                f"{KEPT}: it has {kept.size} records, the bundle's tree only "
                f"{self.manifest.size}: the history was cut, or the bundle is older"
            )
        return kept


def read_ranges(value: Any) -> list[list[int]]:
    ranges = [[as_int(number) for number in as_list(pair)] for pair in as_list(value)]
    if any(len(pair) != 2 or pair[0] >= pair[1] for pair in ranges):
        raise Invalid("a range is malformed")
    if any(before[1] > after[0] for before, after in pairwise(ranges)):
        raise Invalid("the ranges are not in order")
    return ranges


def check_payload(personal: Any, payload: Any) -> None:
    """Each personal value still there is the one the record is bound to."""
    values = dict(payload) if isinstance(payload, dict) else {}
    salts = values.pop("salts", {})
    bound = personal if isinstance(personal, dict) else {}
    for name, text in values.items():
        salt = salts.get(name) if isinstance(salts, dict) else None
        try:
            known = sha256(bytes.fromhex(salt or "") + as_str(text).encode()).hexdigest()
        except (TypeError, ValueError, Invalid) as error:
            raise Invalid(f"the payload's {name} is malformed") from error
        if bound.get(name) != known:
            raise Invalid(f"the payload's {name} is not what was recorded")


# --- The command ---------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Verify a Stateward audit bundle offline."
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", type=Path, help="the public key you trust (name+hash+base64)")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint kept elsewhere")
    given = parser.parse_args(arguments)
    try:
        trusted = read_keys(given.key) if given.key else []
        outside = given.checkpoint.read_text("utf-8") if given.checkpoint else None
        verification = Verification(trusted, outside)
        with given.bundle.open("rb") as lines:
            problem = verification.run(lines)
    except (OSError, UnicodeDecodeError, Invalid) as error:
        problem = str(error)
    if problem:
        say(f"INVALID: {problem}")
        return 1
    report(verification, bool(given.key), outside is not None)
    return 0


def read_keys(path: Path) -> list[Key]:
    """One key a line; empty lines and those that begin with # are skipped."""
    lines = path.read_text("utf-8").splitlines()
    keys = [parse_key(line) for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise Invalid("the key file holds no key")
    return keys


def report(verification: Verification, with_key: bool, with_checkpoint: bool) -> None:
    manifest = verification.manifest
    say(
        f"VALID: {manifest.count} records ({verification.records} in full) of tenant "
        f"{manifest.tenant_id}, in a tree of {manifest.size}"
    )
    say(f"log: {manifest.origin}  root: {encode64(manifest.root)}")
    say(
        "key: the one you trust"
        if with_key
        else "key: not tied to a trusted key (give --key): whoever made the bundle signed it"
    )
    say(
        "checkpoint: consistent with the one kept elsewhere"
        if with_checkpoint
        else "checkpoint: none kept elsewhere was given (--checkpoint): a fork, or a history "
        "cut at an older checkpoint, cannot be found"
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
