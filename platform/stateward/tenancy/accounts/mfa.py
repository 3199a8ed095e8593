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


def rewrap_second_factors() -> int:
    """Encrypt them anew under the present root key; how many were under a former one."""
    from allauth.mfa.models import Authenticator  # noqa: PLC0415  # this module is read before apps are

    adapter, moved = MfaAdapter(), 0
    for found in Authenticator.objects.order_by("id"):
        data = {name: _anew(adapter, value) for name, value in found.data.items()}
        if data != found.data:
            moved += Authenticator.objects.filter(id=found.id, data=found.data).update(data=data)
    return moved


def _anew(adapter: MfaAdapter, value: object) -> object:
    if isinstance(value, list):
        return [_anew(adapter, one) for one in value]
    if not isinstance(value, str) or not value.startswith(MARK) or _is_present(value):
        return value
    return adapter.encrypt(adapter.decrypt(value))


def _is_present(value: str) -> bool:
    with suppress(InvalidTag):
        _opened(settings.ROOT_KEY, base64.b64decode(value.removeprefix(MARK)))
        return True
    return False


def _opened(secret: bytes, data: bytes) -> str:
    return _cipher(secret).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], CONTEXT).decode()


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, CONTEXT, hashlib.sha256))
