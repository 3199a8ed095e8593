"""What can be asked of an entry: the changes, and the conditions under which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stateward.state.schemas import Validator

KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the caller demands of the entry as it is: ``If-Match: "<version>"``, ``If-None-Match:
    *``, ``Stateward-Fencing-Token: <token>``.
    """

    if_version: int | None = None
    if_none: bool = False
    fencing_token: int | None = None


NO_CONDITIONS = Conditions()


@dataclass(slots=True)
class Put:
    """Set the value. Members left at their default keep what the entry had; ``None`` clears.

    ``in_any_mode``: a value that the machine itself brings (a copy, a migration) is taken where
    values otherwise change through actions only.
    """

    value: Any
    ttl_seconds: float | str | None = KEEP
    labels: Mapping[str, Any] | str | None = KEEP
    note: str | None = None
    in_any_mode: bool = False
    operation = "put"


@dataclass(slots=True)
class Bring(Put):
    """Set a value that was brought to another version of the namespace's schema: that version
    judges it, whatever is in force.
    """

    target: int | None = None  # None: as it was before versions were recorded
    validators: tuple[Validator, ...] = ()
    operation = "migrate"


@dataclass(slots=True)
class Restore(Put):
    """Set a value that was, or that another namespace has."""

    operation = "restore"


@dataclass(frozen=True, slots=True)
class Patch:
    """Compute the value from the old one: an RFC 7396 merge patch or an RFC 6902 JSON Patch."""

    document: Any
    is_merge: bool
    note: str | None = None
    operation = "patch"


@dataclass(frozen=True, slots=True)
class Action:
    """Let the namespace's reducer or kind of replica compute the value from the old one."""

    type: str
    payload: Any
    note: str | None = None
    operation = "action"


@dataclass(frozen=True, slots=True)
class RollBack:
    """Write a new revision with the value of an old one."""

    version: int
    note: str | None = None
    operation = "rollback"


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the value; the history stays until retention removes it."""

    note: str | None = None
    operation = "delete"


Change = Put | Patch | Action | RollBack | Delete
