"""The spelling of a credential: ``sw_<key id>_<secret><checksum>``.

The key id names the row and may be shown; the secret is 256 random bits; the last six characters
are a CRC-32 of all before them, so that a typing error is found, and a leaked key recognised by a
scanner, without asking anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_ID_LENGTH = 12
SECRET_LENGTH = 43  # 62^43 > 2^256
CHECKSUM_LENGTH = 6  # 62^6 > 2^32

_SHAPE = rf"sw_([0-9A-Za-z]{{{KEY_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}})"
_TOKEN = re.compile(_SHAPE)
# Looser than the shape: a token cut short or with a changed letter must not reach a log either.
_LIKENESS = re.compile(r"sw_[0-9A-Za-z]{6,}_[0-9A-Za-z]{8,}")


@dataclass(frozen=True, slots=True)
class Token:
    key_id: str
    secret: str

    @property
    def text(self) -> str:
        body = f"sw_{self.key_id}_{self.secret}"
        return body + _checksum(body)


def new_token() -> Token:
    return Token(_random(KEY_ID_LENGTH), _random(SECRET_LENGTH))


def parse_token(text: str) -> Token | None:
    """The token that ``text`` spells, or None if its shape or checksum is wrong."""
    match = _TOKEN.fullmatch(text)
    if match is None or _checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return Token(match[1], match[2][:SECRET_LENGTH])


def secret_hash(secret: str, key: bytes) -> bytes:
    """What is stored in place of the secret: 32 bytes. A slow hash would add nothing to 256 random
    bits.
    """
    return hmac.digest(key, secret.encode(), hashlib.sha256)


def contains_token(text: str) -> bool:
    """Whether something that looks like a credential stands in ``text``, such as a URL."""
    return "sw_" in text and _LIKENESS.search(text) is not None


def scrub(text: str) -> str:
    """``text`` with everything that looks like a credential's secret taken out, for logs."""
    return _LIKENESS.sub("sw_[removed]", text) if "sw_" in text else text


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
