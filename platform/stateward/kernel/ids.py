"""Identifiers: UUIDv7 (RFC 9562), so that rows written together lie together."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from uuid import UUID, SafeUUID

_POOL_BYTES = 4096
_new, _set = object.__new__, object.__setattr__


class _Randomness:
    """The system's random bytes, fetched many at a time: a write draws several ids, and each fetch
    is a system call.

    A forked child starts with an empty pool, so that no two processes ever draw the same bytes. For
    ids only: keys and
    nonces are drawn from the system directly.
    """

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        self._parts: Iterator[bytes] = iter(())

    def ten_bytes(self) -> bytes:
        part = next(self._parts, None)
        while part is None:
            pool = os.urandom(_POOL_BYTES)
            self._parts = iter([pool[at : at + 10] for at in range(0, _POOL_BYTES - 9, 10)])
            part = next(self._parts, None)
        return part


_randomness = _Randomness()


def uuid7() -> UUID:
    """A new UUIDv7. Its time is this process's clock: good for locality, never for order."""
    random = int.from_bytes(_randomness.ten_bytes(), "big")
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | (random & 0x0FFF_3FFF_FFFF_FFFF_FFFF)
    # What UUID(int=…) does, without the checks of what it may be given instead.
    made = _new(UUID)
    _set(made, "int", number | 0x7000_8000_0000_0000_0000)
    _set(made, "is_safe", SafeUUID.unknown)
    return made
