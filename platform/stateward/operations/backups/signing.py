"""The keys of archives: what signs them, what they are sealed under.

Both come from the root key alone, so an archive can be trusted and opened where nothing else of the
installation is left. The public half of the signing key is no secret: keep it elsewhere, and
anybody can tell an archive of this installation from another.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.gate.keys.root import root_key, root_keys, root_secrets

SIGNING = b"stateward backup signing v1"
CONTEXT = b"stateward backup manifest v1\n"
SEALING = b"backup archive key"


def signing_key() -> Ed25519PrivateKey:
    """The key that signs manifests: derived from the root key, and so never stored."""
    return _signing_key(root_secrets()[0])


def public_key() -> bytes:
    """Its public half, 32 bytes."""
    return signing_key().public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """What lists call a signing key."""
    return sha256(b"stateward backup key " + public).hexdigest()[:16]


def sign(manifest: bytes) -> bytes:
    return signing_key().sign(CONTEXT + manifest)


def is_signed(manifest: bytes, signature: bytes) -> bool:
    """Whether this installation's root key signed it, the present one or a former."""
    for secret in root_secrets():
        try:
            _signing_key(secret).public_key().verify(signature, CONTEXT + manifest)
        except InvalidSignature:
            continue
        return True
    return False


def wrap_archive_key(key: bytes, archive: UUID, tenant_id: UUID) -> bytes:
    """The archive's key under the root key, bound to the archive and its tenant."""
    return root_key().wrap(key, SEALING, archive.bytes, tenant_id.bytes)


def unwrap_archive_key(wrapped: bytes, archive: UUID, tenant_id: UUID) -> bytes:
    """Raises KeysUnavailable under a root key that was not given, or for another archive."""
    for root in root_keys().values():
        with suppress(KeysUnavailable):
            return root.unwrap(wrapped, SEALING, archive.bytes, tenant_id.bytes)
    raise KeysUnavailable("the archive's key is under another root key")


def _signing_key(secret: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, SIGNING, sha256))


def part_key(archive_key: bytes, part: str) -> bytes:
    """The key of one part; no two parts share one."""
    return hmac.digest(archive_key, b"part " + part.encode(), sha256)
