"""The keys of archives: what signs them, what they are sealed under.

Both come from the root key alone, so an archive can be trusted and opened where nothing else of the
installation is left. The public half of the signing key is no secret: keep it elsewhere, and
anybody can tell an archive of this installation from another.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from stateward.gate.keys.root import root_key

SIGNING = b"stateward backup signing v1"
CONTEXT = b"stateward backup manifest v1\n"
SEALING = b"backup archive key"


def signing_key() -> Ed25519PrivateKey:
    """The key that signs manifests: derived from the root key, and so never stored."""
    root_key()  # refuses a root key that is none
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(settings.ROOT_KEY, SIGNING, sha256))


def public_key() -> bytes:
    """Its public half, 32 bytes."""
    return signing_key().public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """What lists call a signing key."""
    return sha256(b"stateward backup key " + public).hexdigest()[:16]


def sign(manifest: bytes) -> bytes:
    return signing_key().sign(CONTEXT + manifest)


def is_signed(manifest: bytes, signature: bytes) -> bool:
    """Whether this installation's root key signed it."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key()).verify(signature, CONTEXT + manifest)
    except InvalidSignature:
        return False
    return True


def wrap_archive_key(key: bytes, archive: UUID, tenant_id: UUID) -> bytes:
    """The archive's key under the root key, bound to the archive and its tenant."""
    return root_key().wrap(key, SEALING, archive.bytes, tenant_id.bytes)


def unwrap_archive_key(wrapped: bytes, archive: UUID, tenant_id: UUID) -> bytes:
    """Raises KeysUnavailable under another root key, or for another archive."""
    return root_key().unwrap(wrapped, SEALING, archive.bytes, tenant_id.bytes)


def part_key(archive_key: bytes, part: str) -> bytes:
    """The key of one part; no two parts share one."""
    return hmac.digest(archive_key, b"part " + part.encode(), sha256)
