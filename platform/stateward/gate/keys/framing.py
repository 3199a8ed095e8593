"""How a sealed value is laid out, and what it is bound to.

    format (1) | algorithm (1) | key id (16) | key version (4) | nonce (12) | ciphertext | tag (16)

Format 1 is the value itself, format 2 the value compressed (one zstd frame that names its size).
The format is bound with the rest, so a compressed value cannot pass for another that is not.

What it is bound to (the AAD) is a tuple whose members each carry their length before them, so that
no two tuples give the same bytes. A value put in the place of another does not open.
"""

from __future__ import annotations

import struct
from uuid import UUID

FORMAT, COMPRESSED = 1, 2
AES_256_GCM = 1
PREAMBLE = bytes((FORMAT, AES_256_GCM))
COMPRESSED_PREAMBLE = bytes((COMPRESSED, AES_256_GCM))
NONCE_BYTES = 12
TAG_BYTES = 16
IDENTITY_BEGIN = len(PREAMBLE)
IDENTITY_END = IDENTITY_BEGIN + 16 + 4
NONCE_END = IDENTITY_END + NONCE_BYTES
OVERHEAD_BYTES = NONCE_END + TAG_BYTES

LENGTH = struct.Struct(">I").pack


def framed(*parts: bytes) -> bytes:
    """The parts, each with its length (4 bytes) before it."""
    return b"".join(LENGTH(len(part)) + part for part in parts)


def identity(key_id: UUID, version: int) -> bytes:
    """What a header calls a key: its id (16 bytes) and its version (4)."""
    return key_id.bytes + LENGTH(version)


def key_named(name: bytes) -> tuple[UUID, int]:
    """The key and the version that ``identity`` wrote; of a value that was cut short, none there
    is.
    """
    whole = bytes(name).ljust(20, b"\0")
    return UUID(bytes=whole[:16]), int.from_bytes(whole[16:20], "big")
