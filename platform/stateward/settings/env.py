"""The only place that reads the environment.

Every value is typed; a missing one is named; ``NAME_FILE`` holds the path of a secret.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

KEY_BYTES = 32

_fallback: dict[str, str] = {}


def fall_back_to(path: Path) -> bool:
    """Take what the environment leaves out from a JSON object of names and texts.

    Answers whether there is such a file.
    """
    try:
        _fallback.update(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return False
    except PermissionError:
        raise ImproperlyConfigured(
            f"{path} belongs to another user. Run this as the user who ran `make up`."
        ) from None
    return True


def _value(name: str) -> str | None:
    return os.environ.get(name, _fallback.get(name))


def path_of(name: str) -> str:
    """The file that holds ``name``; empty when it is given by value."""
    return _value(f"{name}_FILE") or ""


def text(name: str, default: str | None = None) -> str:
    """The value of ``name``, or the content of the file that ``name_FILE`` points to."""
    if path := _value(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name}_FILE: cannot read {path}: {error.strerror}."
            ) from None
    value = _value(name)
    if value is None:
        value = default
    if value is None:
        raise ImproperlyConfigured(f"Set {name} (or {name}_FILE, a path to a file that holds it).")
    return value


def flag(name: str, default: bool) -> bool:
    value = text(name, "yes" if default else "no").lower()
    if value not in {"yes", "no", "true", "false", "1", "0"}:
        raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")
    return value in {"yes", "true", "1"}


def number(name: str, default: int) -> int:
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def key(name: str) -> bytes:
    """A key of 32 bytes, written in base64 or in hexadecimal digits."""
    return as_key(name, text(name))


def former_keys(name: str) -> list[bytes]:
    """Keys in a row, with spaces, commas or line ends between them."""
    return [as_key(name, one) for one in text(name, "").replace(",", " ").split()]


def as_key(name: str, written: str) -> bytes:
    """What is written as 32 bytes; the message names ``name`` and shows nothing of the key."""
    try:
        if len(written) == 2 * KEY_BYTES:
            return bytes.fromhex(written)
        value = base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        value = b""
    if len(value) != KEY_BYTES:
        raise ImproperlyConfigured(
            f"{name} must be {KEY_BYTES} bytes in base64, or in hexadecimal digits."
        )
    return value


def names(name: str, default: str = "") -> list[str]:
    """A list written with commas."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def database(name: str, default: str | None = None) -> dict[str, Any]:
    """Django's settings for the database that a ``postgresql://`` address names."""
    url = urlsplit(text(name, default))
    if url.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(f"{name} must be a postgresql:// address.")
    query = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": query.pop("host", unquote(url.hostname or "")),
        "PORT": str(url.port or query.pop("port", "")),
        "OPTIONS": query,
    }
