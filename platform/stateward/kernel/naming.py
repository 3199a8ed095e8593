"""How a secret is called without being told."""

import hashlib


def fingerprint(key: bytes) -> str:
    """A name for a root key that gives nothing of it away: it tells two keys apart."""
    return hashlib.sha256(b"stateward root key " + key).hexdigest()[:16]
