"""Identifiers: UUIDv7 (RFC 9562), so that rows written together lie together."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new UUIDv7. Its time is this process's clock: good for locality, never for order."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    number = (number & ~(0xF << 76)) | (0x7 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=number)
