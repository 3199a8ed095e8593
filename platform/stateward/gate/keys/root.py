"""The root key: 32 bytes from outside the database, under which the tenants' keys are wrapped.

The database knows it only by a fingerprint and by a probe, a known text sealed under it. What is
wrapped under it names that fingerprint, and a foreign key holds the two together: as long as there
is any wrapped key, there is the row by which a wrong root key is found out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from stateward.gate.keys.exceptions import KeysUnavailable, RootKeyRefused
from stateward.gate.keys.framing import NONCE_BYTES, TAG_BYTES, framed
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.naming import fingerprint

KEY_BYTES = 32
WRAPPING = b"stateward key wrapping v1"
PROBE = b"stateward root key probe v1"

KNOWN = """
SELECT fingerprint, probe FROM stateward_root_key
WHERE state <> 'retired' ORDER BY state = 'active' DESC, created_at
"""
REGISTER = (
    "INSERT INTO stateward_root_key (fingerprint, probe) VALUES (%s, %s) ON CONFLICT DO NOTHING"
)


class Wrapper:
    """Seals keys under a key. What comes out is nonce, ciphertext and tag."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def wrap(self, key: bytes, *binding: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, framed(*binding))

    def unwrap(self, wrapped: bytes, *binding: bytes) -> bytes:
        """Raises ``KeysUnavailable`` when it was altered, or bound to something else."""
        try:
            if len(wrapped) < NONCE_BYTES + TAG_BYTES:
                raise InvalidTag
            return self._aead.decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], framed(*binding)
            )
        except InvalidTag:
            raise KeysUnavailable("a wrapped key does not open") from None


class RootKey(Wrapper):
    """The root key as this process was given it."""

    __slots__ = ("fingerprint",)

    def __init__(self, key: bytes) -> None:
        # Other uses of the root key (second factors) derive theirs alike, so that none of them
        # shares a key with another.
        super().__init__(hmac.digest(key, WRAPPING, hashlib.sha256))
        self.fingerprint = fingerprint(key)


def root_secrets() -> tuple[bytes, ...]:
    """The root key in the settings, and after it the former ones that were given along.

    Raises ``KeysUnavailable`` when one is not 32 bytes.
    """
    key = getattr(settings, "ROOT_KEY", b"")
    found = (key, *getattr(settings, "PREVIOUS_ROOT_KEYS", ()))
    if any(not isinstance(one, bytes) or len(one) != KEY_BYTES for one in found):
        raise KeysUnavailable(f"the root key must be {KEY_BYTES} bytes")
    return found


def root_key() -> RootKey:
    """The root key in the settings. Raises ``KeysUnavailable`` when that is not 32 bytes."""
    return _made(root_secrets()[0])


def root_keys() -> dict[str, RootKey]:
    """All that were given, by fingerprint: while one takes another's place both are needed."""
    return {one.fingerprint: one for one in map(_made, root_secrets())}


_made = lru_cache(maxsize=8)(RootKey)


def check_root_key() -> Flow[str | None]:
    """The fingerprint of the root key that the database's keys are wrapped under, if it was given.

    None while the database knows of no root key, as before the first tenant. Raises
    ``RootKeyRefused`` for any other; never makes or accepts a new one.
    """
    rows = yield Statement(KNOWN)
    given = root_keys()
    if not rows:
        return None
    in_force, probe = rows[0][0], bytes(rows[0][1])
    if in_force not in given:
        raise RootKeyRefused(root_key().fingerprint, tuple(row[0] for row in rows))
    if given[in_force].unwrap(probe, PROBE) != PROBE:
        raise KeysUnavailable("the root key's probe holds something else")
    return str(in_force)


def ensure_root_key() -> Flow[RootKey]:
    """The root key in force. The database is told of the given one if it knows none, in the
    caller's transaction.
    """
    known = yield from check_root_key()
    if known is None:
        key = root_key()
        yield Statement(REGISTER, (key.fingerprint, key.wrap(PROBE, PROBE)))
        # Two first starts at once with two different keys: one of them is refused here.
        known = yield from check_root_key()
    return root_keys()[known or ""]
