"""Ending people's sessions, and forgetting those that have ended."""

from __future__ import annotations

from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from stateward.tenancy.cache import CULL


def end_sessions(person_id: UUID, *, but: str | None = None) -> int:
    """End all sessions of a person, ``but`` the one with this key; how many ended."""
    rows = UserSession.objects.filter(user_id=person_id)
    if but is not None:
        rows = rows.exclude(session_key=but)
    keys = list(rows.values_list("session_key", flat=True))
    ended, _ = Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return ended


def forget_ended_sessions() -> int:
    """Remove the rows of sessions whose time is over, what was kept about them, and old cache
    rows.
    """
    gone, _ = Session.objects.filter(expire_date__lt=Now()).delete()
    known = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(known)).delete()
    with connection.cursor() as cursor:
        cursor.execute(CULL)
    return gone
