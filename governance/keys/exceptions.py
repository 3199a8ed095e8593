"""What keeps a key from the next step of its life."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, NotFound


class NoSuchVersion(NotFound):
    """The key has no such version."""


class NoSuchDestruction(NotFound):
    """There is no such destruction, or it is over."""


class KeyInUse(Conflict):
    """Something is still under this version of the key."""

    code, title = "key_in_use", "Key in use"


class KeyHeld(Conflict):
    """A hold keeps what is under this key."""

    code, title = "key_held", "A hold keeps it"


class KeyGone(Conflict):
    """The key was destroyed already."""

    code, title = "key_gone", "Key destroyed"
