"""Signed checkpoints: C2SP notes over a tree's size and root, signed with Ed25519.

``verify.py`` reads what this writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from stateward.gate.audit.verify import (
    FORMAT,
    Key,
    encode64,
    encode_json,
    key_hash,
)
from stateward.kernel.clock import rfc3339


def origin_of(tenant_id: UUID) -> str:
    """The name of a tenant's log: what its checkpoints say they are of."""
    return f"{settings.AUDIT_ORIGIN}/{tenant_id}"


@dataclass(frozen=True)
class Signer:
    """The sealing key. It signs for every log of the installation, under each log's own name."""

    id: UUID
    private: Ed25519PrivateKey

    def verifier(self, origin: str) -> Key:
        """The public key, as checkpoints of ``origin`` name it."""
        return public_key(origin, self.private.public_key().public_bytes_raw())

    def checkpoint(self, origin: str, size: int, root: bytes, at: datetime) -> str:
        """The signed note. Its time says how fresh the checkpoint of an idle log is."""
        text = f"{origin}\n{size}\n{encode64(root)}\ntime {rfc3339(at)}\n"
        key = self.verifier(origin)
        signature = encode64(key.hash + self.private.sign(text.encode()))
        return f"{text}\n— {key.name} {signature}\n"

    def manifest(self, content: dict[str, object]) -> str:
        """The first line of a bundle: ``content`` with its signature."""
        signature = self.private.sign(f"{FORMAT}\n{encode_json(content)}".encode())
        return encode_json(content | {"signature": encode64(signature)}) + "\n"


def public_key(origin: str, public: bytes) -> Key:
    return Key(origin, key_hash(origin, public), public)
