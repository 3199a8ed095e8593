"""Ending people's sessions."""

from __future__ import annotations

from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session


def end_sessions(person_id: UUID, *, but: str | None = None) -> int:
    """End all sessions of a person, ``but`` the one with this key; how many ended."""
    rows = UserSession.objects.filter(user_id=person_id)
    if but is not None:
        rows = rows.exclude(session_key=but)
    keys = list(rows.values_list("session_key", flat=True))
    ended, _ = Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return ended
