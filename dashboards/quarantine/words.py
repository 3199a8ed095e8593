"""What pages call the standing of a write, and what they say of a review."""

from __future__ import annotations

from governance.quarantine.models import Quarantine
from governance.quarantine.writes import Tally

STANDINGS: dict[str, tuple[str, str, str]] = {
    "clean": ("", "Undecided", "clock"),
    "changed_since": ("warn", "Changed since", "warning"),
    "leased": ("warn", "Leased", "lock"),
    "lost": ("warn", "Not kept", "warning"),
    "gone": ("", "Gone", ""),
    "kept": ("ok", "Kept", "check"),
    "rolled_back": ("ok", "Rolled back", "undo"),
}
CHANGES = {
    "created": ("+", "Created"),
    "changed": ("~", "Changed"),
    "deleted": ("-", "Deleted"),
}


def said_of(found: Quarantine, told: Tally) -> str:
    """The sentence above the list."""
    if not told.entries:
        return f"{found.agent_name} wrote nothing in that time."
    wrote = _count(told.entries, "entry", "entries")
    said = f"{found.agent_name} wrote {wrote} in {_count(told.writes, 'write', 'writes')}."
    if found.closed_at is not None:
        return f"{said} The review is over."
    if not told.undecided:
        return f"{said} Each has a verdict: the review can end."
    verb = "waits" if told.undecided == 1 else "wait"
    said += f" {told.undecided:,} {verb} for a verdict"
    others = told.undecided - told.clean
    return f"{said}, {others:,} of them not simply." if others else f"{said}."


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
