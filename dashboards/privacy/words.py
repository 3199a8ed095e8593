"""How subject requests are said on pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from governance.privacy.models import OPEN, SubjectDeclaration, SubjectRequest
from governance.privacy.rendering import is_overdue

KINDS = {
    "access": "Access",
    "portability": "Portability",
    "erasure": "Erasure",
    "restriction": "Restriction",
}
KIND_SAYS = {
    "access": "A copy of everything that is kept of the person",
    "portability": "Their data as it stands, to take elsewhere",
    "erasure": "Everything of the person is emptied, for good",
    "restriction": "Kept, but neither changed nor used",
}
STATES = {
    "searching": ("", "Searching", "search"),
    "ready": ("warn", "To be answered", ""),
    "working": ("", "Under way", "refresh"),
    "waiting": ("warn", "Waiting", "hourglass"),
    "done": ("ok", "Done", "check"),
    "refused": ("", "Refused", "close"),
    "withdrawn": ("", "Withdrawn", "undo"),
}
EVENTS = {
    "received": ("Received", "inbox"),
    "found": ("Searched for", "search"),
    "assigned": ("Handed on", "person"),
    "extended": ("Put off", "calendar"),
    "disclosed": ("Copy made", "download"),
    "begun": ("Erasure begun", "trash"),
    "waiting": ("Waiting for the rest", "hourglass"),
    "restricted": ("Restricted", "lock"),
    "extended_to": ("Restricted in new entries too", "lock"),
    "done": ("Done", "check"),
    "refused": ("Refused", "close"),
    "withdrawn": ("Withdrawn", "undo"),
}


def state_of(request: SubjectRequest) -> tuple[str, str, str]:
    """Tone, word and icon."""
    if request.kind == "restriction" and request.state == "waiting":
        return "warn", "In force", "lock"
    return STATES[request.state]


def due_of(request: SubjectRequest, now: datetime) -> tuple[str, str]:
    """Tone and words for when it is to be answered."""
    if request.state not in OPEN or request.answered_at is not None:
        return "", ""
    days = (request.due_at - now).days
    if is_overdue(request):
        return "bad", "1 day late" if days == -1 else f"{-days} days late"
    left = "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return ("warn" if days < 7 else ""), left


def requests_said(found: Sequence[SubjectRequest]) -> str:
    """The sentence above the list."""
    standing = [one for one in found if one.state in OPEN and one.answered_at is None]
    if not standing:
        return "Nobody waits for an answer."
    late = sum(is_overdue(one) for one in standing)
    many = "1 person waits" if len(standing) == 1 else f"{len(standing)} people wait"
    first = min(one.due_at for one in standing)
    if late:
        return f"{many} for an answer; {late} for longer than the law allows."
    return f"{many} for an answer, the first until {first:%d %b %Y}."


def place_of(declared: SubjectDeclaration) -> str:
    where = "in the key" if declared.source == "key" else "in the value"
    return f"{where}, {declared.namespace or 'every namespace'}"


def event_of(name: str) -> tuple[str, str]:
    return EVENTS.get(name, (name.replace("_", " ").capitalize(), "info"))


def said_of(request: SubjectRequest, found: Any) -> str:
    """What stands at the head of one request."""
    says = KIND_SAYS[request.kind]
    if request.state == "searching":
        return f"{says}. The index has not come to the time of this request yet."
    if request.state == "ready":
        many = _entries(found.entries) if found is not None and found.entries else "No entry"
        return f"{says}. {many} found."
    if request.state == "working":
        return f"{says}. {_entries(request.found)} are being gone through."
    return _said_of_outcome(request) or says


def _said_of_outcome(request: SubjectRequest) -> str:
    is_waiting = request.state == "waiting"
    if request.kind == "restriction" and is_waiting:
        restricted = _entries(request.restricted)
        return f"{restricted} restricted: read for {request.purpose} only, changed by nobody."
    if request.kind == "erasure" and is_waiting:
        rest = f" until {request.wait_until:%d %b %Y}" if request.wait_until else ""
        return f"{_entries(request.erased)} erased; still there: {request.waits_for}{rest}."
    if request.kind == "erasure" and request.state == "done":
        return f"{_entries(request.erased)} erased, from every store."
    return f"Answered {request.answered_at:%d %b %Y}." if request.answered_at else ""


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"
