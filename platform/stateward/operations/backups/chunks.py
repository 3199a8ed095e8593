"""One part of an archive: compressed, then sealed chunk by chunk.

    magic | { length (4) | AES-256-GCM ciphertext and tag } ...

The nonce is the chunk's number: each part has a key of its own. What a chunk is bound to (the AAD)
is format, archive, part, number, and whether it is the last. So a chunk that is gone, moved, or
taken from elsewhere does not open, nor does the last one of a part that was cut short.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Protocol
from uuid import UUID

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stateward.gate.keys.framing import TAG_BYTES, framed
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.signing import part_key

MAGIC = b"STATEWARD BACKUP 1\n"
CHUNK_BYTES = 1 << 20
LEVEL = 3
BOUND = b"stateward backup chunk v1"
LENGTH = struct.Struct(">I")
NONCE = struct.Struct(">IQ")


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Cipher:
    def __init__(self, archive_key: bytes, archive: UUID, part: str) -> None:
        self.aead = AESGCM(part_key(archive_key, part))
        self.before = framed(BOUND, archive.bytes, part.encode())

    def bound(self, number: int, is_last: bool) -> tuple[bytes, bytes]:
        """The nonce and the AAD."""
        return NONCE.pack(0, number), self.before + NONCE.pack(is_last, number)


class PartWriter:
    """Seals what is fed to it into ``sink``, and knows afterwards how much that was."""

    def __init__(self, sink: Sink, archive_key: bytes, archive: UUID, part: str) -> None:
        self._sink = sink
        self._cipher = _Cipher(archive_key, archive, part)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self._waiting = bytearray()
        self._number = 0
        self._digest = sha256()
        self.bytes = 0
        self.plain_bytes = 0
        self._put(MAGIC)

    def write(self, data: bytes) -> None:
        self.plain_bytes += len(data)
        self._waiting += self._compressor.compress(data)
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> str:
        """Write the last chunk; the SHA-256 of the part as it lies there, in hex."""
        self._waiting += self._compressor.flush()
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]
        self._seal(bytes(self._waiting), is_last=True)
        return self._digest.hexdigest()

    def _seal(self, data: bytes, *, is_last: bool) -> None:
        nonce, bound = self._cipher.bound(self._number, is_last)
        sealed = self._cipher.aead.encrypt(nonce, data, bound)
        self._number += 1
        self._put(LENGTH.pack(len(sealed)) + sealed)

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self.bytes += len(data)
        self._sink.write(data)


def read_part(source: Source, archive_key: bytes, archive: UUID, part: str) -> Iterator[bytes]:
    """What was written, in pieces. ArchiveRefused names the part wherever it is not whole."""
    inflating = zstandard.ZstdDecompressor().decompressobj()
    for chunk in _opened(source, _Cipher(archive_key, archive, part), part):
        try:
            data = inflating.decompress(chunk) if chunk else b""
        except zstandard.ZstdError:
            raise ArchiveRefused(part, "it does not unpack") from None
        if data:
            yield data
    if not inflating.eof:
        raise ArchiveRefused(part, "it ends in the middle")


def _opened(source: Source, cipher: _Cipher, part: str) -> Iterator[bytes]:
    if _exactly(source, len(MAGIC), part) != MAGIC:
        raise ArchiveRefused(part, "it is not a part of a backup of this format")
    number = 0
    length = _exactly(source, LENGTH.size, part)
    while length:
        size = LENGTH.unpack(length)[0]
        if not TAG_BYTES <= size <= CHUNK_BYTES + TAG_BYTES:
            raise ArchiveRefused(part, f"its chunk {number} has no length that a chunk can have")
        sealed = _exactly(source, size, part)
        length = _read(source, LENGTH.size)
        if len(length) not in (0, LENGTH.size):
            raise ArchiveRefused(part, "it ends in the middle")
        nonce, bound = cipher.bound(number, not length)
        try:
            yield cipher.aead.decrypt(nonce, sealed, bound)
        except InvalidTag:
            why = f"its chunk {number} was changed, moved, or is the last of a part cut short"
            raise ArchiveRefused(part, why) from None
        number += 1


def _exactly(source: Source, size: int, part: str) -> bytes:
    data = _read(source, size)
    if len(data) != size:
        raise ArchiveRefused(part, "it ends in the middle")
    return data


def _read(source: Source, size: int) -> bytes:
    """``size`` bytes, or what there is; a source may give fewer at a time."""
    data = source.read(size)
    while data and len(data) < size:
        more = source.read(size - len(data))
        if not more:
            break
        data += more
    return data


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a part that holds text."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest
