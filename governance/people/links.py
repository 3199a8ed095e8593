"""One-time links: what is in them, and what is kept of them.

A link names its tenant and its row, because it is opened by someone who has no tenant yet, and
holds 256 random bits, of which only a keyed hash is kept. Who holds the link proves that mail to
the address reaches them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

SECRET_BYTES = 32
LENGTH = 16 + 16 + SECRET_BYTES


class Link(NamedTuple):
    tenant_id: UUID
    id: UUID
    secret: bytes

    @property
    def text(self) -> str:
        return (self.tenant_id.bytes + self.id.bytes + self.secret).hex()

    @property
    def url(self) -> str:
        """Where it is opened; from our configured address, never from a request's Host header."""
        return f"{settings.PUBLIC_URL.rstrip('/')}/join/{self.text}"

    def hash(self) -> bytes:
        return self._hash(settings.SECRET_KEY)

    def matches(self, stored: bytes) -> bool:
        keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        return any([hmac.compare_digest(self._hash(str(key)), stored) for key in keys])

    def _hash(self, key: str) -> bytes:
        return hmac.digest(key.encode(), b"stateward link v1" + self.secret, hashlib.sha256)


def new_link(tenant_id: UUID, row_id: UUID) -> Link:
    return Link(tenant_id, row_id, secrets.token_bytes(SECRET_BYTES))


def parse_link(text: str) -> Link | None:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    if len(data) != LENGTH:
        return None
    return Link(UUID(bytes=data[:16]), UUID(bytes=data[16:32]), data[32:])
