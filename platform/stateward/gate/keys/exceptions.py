"""What can go wrong with keys. Outside it is one sentence; ``reason`` is for the audit and the log.

Neither ever holds a key, a plaintext or a ciphertext.
"""

from __future__ import annotations

from typing import Any

from stateward.kernel.errors import Conflict, StatewardError, Unavailable


class CannotOpen(StatewardError):
    """A stored value cannot be decrypted."""

    code, status, title = "cannot_decrypt", 500, "Cannot be decrypted"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class KeyDestroyed(CannotOpen):
    """The key that this value was sealed under was destroyed. Nobody can read it again."""

    code, status, title = "key_destroyed", 410, "Key destroyed"


class SubjectShredded(Conflict):
    """The key of the person this is about was destroyed: nothing is written about them here."""

    code, title = "subject_shredded", "Erased person"


class KeysUnavailable(Unavailable):
    """The keys that this needs are not available."""

    code, title = "keys_unavailable", "Keys unavailable"

    def __init__(self, reason: str, **members: Any) -> None:
        super().__init__(**members)
        self.reason = reason


class RootKeyRefused(KeysUnavailable):
    """The root key is not the one that this installation's keys are wrapped under.

    ``given`` and ``wanted`` are fingerprints, ``wanted`` of every root key the database knows.
    """

    code, title = "root_key_refused", "Wrong root key"

    def __init__(self, given: str, wanted: tuple[str, ...]) -> None:
        super().__init__(f"root key {given} given, {', '.join(wanted)} wanted")
        self.given = given
        self.wanted = wanted
