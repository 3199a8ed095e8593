"""New ids for old ones, computed: the same old id gives the same new one, wherever it stands.

So references hold without a table of them, and a restored tenant shares no id with the one it is
of. The first six bytes stay: they are the time of a UUIDv7, and ids stay in the order of their
time.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from uuid import UUID

NIL = UUID(int=0).bytes
KEPT = 65536  # ids remembered: those of namespaces and actors come again and again
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Remap:
    """Ids of one tenant in terms of another. ``fixed``: what the other has already."""

    def __init__(self, source: UUID, target: UUID) -> None:
        self._key = b"stateward restore" + source.bytes + target.bytes
        self.fixed: dict[bytes, bytes] = {NIL: NIL, source.bytes: target.bytes}
        self.gone: set[bytes] = set()  # what is not brought back: references to it become null
        self._known: dict[bytes, bytes] = {}

    def id(self, old: bytes) -> bytes:
        """The new id, as 16 bytes."""
        new = self.fixed.get(old) or self._known.get(old)
        if new is None:
            new = self._made(old)
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[old] = new
        return new

    def uuid(self, old: UUID) -> UUID:
        return UUID(bytes=self.id(old.bytes))

    def inside(self, text: bytes) -> bytes:
        """Text, or JSON, with every id in it translated."""
        return _ID.sub(lambda found: str(self.uuid(UUID(found[0].decode()))).encode(), text)

    def _made(self, old: bytes) -> bytes:
        tail = bytearray(hmac.digest(self._key, old, sha256)[:10])
        tail[0] = 0x70 | tail[0] & 0x0F
        tail[2] = 0x80 | tail[2] & 0x3F
        return old[:6] + bytes(tail)
