"""Values in less space: zstd, before they are sealed.

The length of what is sealed shows. Compressed, it shows how much a value repeats itself: who can
put text of their own into a value that also holds a secret, and sees how large it is stored, can
try guesses against the secret (CRIME, BREACH). So nothing is compressed unless its namespace says
so, and ``size_bytes``, which callers see, is always that of the value itself.
"""

from __future__ import annotations

import threading

import zstandard

from stateward.gate.keys.exceptions import CannotOpen

LEVEL = 3
PAYS = 0.9  # of its size, at most; else a value stays as it is
MOST_BYTES = 64 * 1024 * 1024  # that a value can have; far more than is accepted

_local = threading.local()  # a (de)compressor serves one thread at a time


def compressed(plaintext: bytes) -> bytes | None:
    """One zstd frame that names its size; None where it is not worth it."""
    compressor = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
    smaller: bytes = compressor.compress(plaintext)
    return smaller if len(smaller) <= len(plaintext) * PAYS else None


def inflated(frame: bytes) -> bytes:
    """What was compressed; CannotOpen for what ``compressed`` did not give."""
    decompressor = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= MOST_BYTES:
            raise CannotOpen("compressed beyond what a value can have")
        plaintext: bytes = decompressor.decompress(frame)
    except zstandard.ZstdError:
        raise CannotOpen("not what was compressed") from None
    return plaintext
