"""A passkey in software: what a browser and a security key do together, for tests."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Passkey:
    def __init__(self, host: str) -> None:
        self.host = host
        self.id = os.urandom(32)
        self.user_handle = b""
        self.uses = 0
        self._key = ec.generate_private_key(ec.SECP256R1())

    def register(self, challenge: str, user_handle: bytes) -> str:
        """What ``navigator.credentials.create`` answers, as the form's JSON."""
        self.user_handle = user_handle
        public = ES256.from_cryptography_key(self._key.public_key())
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor.encode(public)
        data = self._data(PRESENT | VERIFIED | ATTESTED) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", challenge)
        return self._credential(clientDataJSON=client, attestationObject=attestation)

    def sign(self, challenge: str, *, origin: str = "") -> str:
        """What ``navigator.credentials.get`` answers."""
        self.uses += 1
        data = self._data(PRESENT | VERIFIED)
        client = self._client("webauthn.get", challenge, origin)
        signed = data + hashlib.sha256(client).digest()
        signature = self._key.sign(signed, ec.ECDSA(SHA256()))
        return self._credential(
            clientDataJSON=client,
            authenticatorData=data,
            signature=signature,
            userHandle=self.user_handle,
        )

    def _data(self, flags: int) -> bytes:
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([flags]) + struct.pack(">I", self.uses)

    def _client(self, kind: str, challenge: str, origin: str = "") -> bytes:
        origin = origin or f"http://{self.host}"
        said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _credential(self, **response: bytes) -> str:
        credential: dict[str, Any] = {
            "id": text(self.id),
            "rawId": text(self.id),
            "type": "public-key",
            "response": {name: text(value) for name, value in response.items()},
            "clientExtensionResults": {},
        }
        return json.dumps(credential)


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
