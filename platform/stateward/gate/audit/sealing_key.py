"""The key that signs checkpoints: made once, kept in the database under the root key.

It is wrapped here and not by ``gate.keys``, which stands above: evidence must not depend on what
it is evidence of.
"""

from __future__ import annotations

import hmac
import os
from contextlib import suppress
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from stateward.gate.audit.exceptions import SealingKeyUnusable
from stateward.gate.audit.notes import Signer, public_key
from stateward.gate.audit.verify import Key
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7

NONCE_BYTES = 12
PURPOSE = b"stateward audit sealing key v1"


def sealing_key(*, may_create: bool = False) -> Flow[Signer]:
    """The key in force. Made where there is none and nothing was ever sealed, by the sealer alone.

    Raises SealingKeyUnusable when the root key is another, or the key of a sealed log is gone:
    a new one in its place would look like a new log.
    """
    rows = yield Statement(
        "SELECT id, wrapped FROM stateward_audit_key WHERE retired_at IS NULL"
        " ORDER BY created_at DESC LIMIT 1"
    )
    if rows:
        return Signer(rows[0][0], unwrap(rows[0][0], bytes(rows[0][1])))
    if not may_create:
        raise SealingKeyUnusable("There is no sealing key yet; the sealer makes it when it starts.")
    sealed = yield Statement("SELECT 1 FROM stateward_audit_checkpoint LIMIT 1")
    if sealed:
        raise SealingKeyUnusable(
            "The sealing key is gone from stateward_audit_key, though checkpoints were signed with"
            " it. Restore that row from a backup."
        )
    signer = Signer(uuid7(), Ed25519PrivateKey.generate())
    public = signer.private.public_key().public_bytes_raw()
    yield Statement(
        "INSERT INTO stateward_audit_key (id, public, wrapped) VALUES (%s, %s, %s)",
        (signer.id, public, wrap(signer)),
    )
    return signer


def public_keys(origin: str) -> Flow[list[Key]]:
    """Every key that has signed for a log, newest first, as its checkpoints name it."""
    rows = yield Statement("SELECT public FROM stateward_audit_key ORDER BY created_at DESC")
    return [public_key(origin, bytes(row[0])) for row in rows]


def wrap(signer: Signer) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(settings.ROOT_KEY).encrypt(
        nonce, signer.private.private_bytes_raw(), _bound_to(signer.id)
    )


def unwrap(key_id: UUID, wrapped: bytes) -> Ed25519PrivateKey:
    for secret in (settings.ROOT_KEY, *settings.PREVIOUS_ROOT_KEYS):
        with suppress(InvalidTag, ValueError):
            raw = _cipher(secret).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound_to(key_id)
            )
            return Ed25519PrivateKey.from_private_bytes(raw)
    raise SealingKeyUnusable(
        f"The sealing key {key_id} does not open with this installation's root key."
        " Start with the root key it was made under (STATEWARD_ROOT_KEY)."
    )


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, PURPOSE, sha256))


def _bound_to(key_id: UUID) -> bytes:
    return PURPOSE + key_id.bytes
