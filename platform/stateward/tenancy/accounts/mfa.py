"""Second factors: their secrets are encrypted under a key derived from the root key, so that a
stolen database holds none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from contextlib import suppress

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

MARK = "v1:"
CONTEXT = b"stateward second factors v1"
NONCE_BYTES = 12


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    def encrypt(self, text: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = _cipher(settings.ROOT_KEY).encrypt(nonce, text.encode(), CONTEXT)
        return MARK + base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        data = base64.b64decode(encrypted_text.removeprefix(MARK))
        for secret in settings.PREVIOUS_ROOT_KEYS:
            with suppress(InvalidTag):
                return _opened(secret, data)
        return _opened(settings.ROOT_KEY, data)


def _opened(secret: bytes, data: bytes) -> str:
    return _cipher(secret).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], CONTEXT).decode()


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, CONTEXT, hashlib.sha256))
