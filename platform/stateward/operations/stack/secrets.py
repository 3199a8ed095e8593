"""The root key and the stack's own passwords, each made once."""

from __future__ import annotations

import base64
import secrets

from stateward.kernel.naming import fingerprint
from stateward.operations.exceptions import CannotStart
from stateward.operations.stack.home import Home, read_json, write_json, write_private

KEY_BYTES = 32
PASSWORDS = ("superuser", "owner", "app", "sequencer", "replication", "redis", "supervisor")


def read_root_key(home: Home) -> bytes:
    """The key in the file. Raises ``CannotStart`` when it is no key."""
    try:
        key = base64.b64decode(home.root_key.read_bytes().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise CannotStart(
            f"{home.root_key} does not hold a root key.", "Put your copy of it back in its place."
        )
    return key


def keep_root_key(home: Home, has_data: bool) -> bool:
    """Make the root key when nothing is encrypted under one yet; whether it was made now.

    Raises ``CannotStart`` when data exists and the key is gone or is another one.
    """
    known = read_json(home.secrets).get("root_key")
    if home.root_key.exists():
        if known not in (None, fingerprint(read_root_key(home))):
            raise CannotStart(
                f"{home.root_key} is not the key that this stack's data is encrypted under.",
                f"Put back the key with the fingerprint {known}.",
            )
        return False
    if has_data:
        raise CannotStart(
            f"The root key {home.root_key} is gone, and without it no stored value can be read.",
            "Put your copy of it back in its place (mode 0600), then start again.",
        )
    write_private(home.root_key, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    return True


def keep_secrets(home: Home) -> dict[str, str]:
    """The stack's passwords by name; those not there yet are made now."""
    kept: dict[str, str] = read_json(home.secrets)
    wanted = {name: kept.get(name) or secrets.token_urlsafe(24) for name in PASSWORDS}
    wanted["django"] = kept.get("django") or secrets.token_urlsafe(48)
    wanted["root_key"] = fingerprint(read_root_key(home))
    if wanted != kept:
        write_json(home.secrets, kept | wanted)
    return wanted
